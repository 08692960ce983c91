// fork, vfork with exec, and popen work, and wait sees exactly these children: none of the checkpoint's.
#include <spawn.h>
#include "victim.h"

extern char **environ;

int main(void) {
  int memory = 1;
  victim_wait();
  CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "the program has a child it did not make");
  pid_t child = fork();
  CHECK(child >= 0, "fork: %s", strerror(errno));
  if (child == 0) {
    memory = 2;
    _exit(getppid() == getpid() ? 1 : 40 + memory);
  }
  int status = 0;
  CHECK(waitpid(-1, &status, 0) == child && WEXITSTATUS(status) == 42, "fork's child: %x", status);
  CHECK(memory == 1);
  char *arguments[] = {"sh", "-c", "exit 5", NULL};
  CHECK(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ) == 0);
  CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5, "spawned child: %x", status);
  FILE *pipe = popen("echo hello", "r");
  char line[32] = "";
  CHECK(pipe && fgets(line, sizeof line, pipe) && !strcmp(line, "hello\n"), "popen said '%s'", line);
  CHECK(pclose(pipe) == 0);
  victim_pass();
}
