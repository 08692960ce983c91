// A thread inside vfork can't be stopped before its child is gone: the checkpoint fails after a while and
// names the thread; nothing else happens to the program.
#include "victim.h"

static volatile int done, born;

static void *parent(void *unused) {
  pid_t child = vfork();
  if (child == 0) {
    born = 1;  // in the memory that it shares with the parent
    while (!victim_may_go()) victim_doze();
    _exit(3);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3, "the child ended with %x", status);
  done = 1;
  return unused;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, parent, NULL);
  while (!born) victim_doze();
  victim_wait();
  pthread_join(thread, NULL);
  CHECK(done);
  victim_pass();
}
