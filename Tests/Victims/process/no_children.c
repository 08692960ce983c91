// The process that writes an image is none of the program's: no SIGCHLD, nothing to wait for, not among its
// children or threads, none of their time.
#include "victim.h"
#include <sys/resource.h>

static volatile int signals;
static void count(int number) { signals += number == SIGCHLD; }

static void check(void) {
  int status;
  CHECK(signals == 0, "%d SIGCHLD", signals);
  CHECK(waitpid(-1, &status, WNOHANG) == -1 && errno == ECHILD, "a child: errno %d", errno);
  CHECK(waitpid(-1, &status, WNOHANG | __WALL) == -1 && errno == ECHILD, "a clone: errno %d", errno);
  size_t length;
  free(victim_slurp("/proc/thread-self/children", &length));
  CHECK(length == 0, "it is among the children");
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  // A helper that lives for some microseconds is counted; the time it takes to copy page tables is not.
  long spent = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  CHECK(spent < 2000, "%ld us of children's time", spent);
  struct stat tasks;
  MUST(stat("/proc/self/task", &tasks));
  CHECK(tasks.st_nlink == 3, "%lu threads", (unsigned long)tasks.st_nlink - 2);
}

int main(void) {
  struct sigaction action = {.sa_handler = count};
  MUST(sigaction(SIGCHLD, &action, NULL));
  size_t ballast = 32 << 20;
  victim_fill(MUST(mmap(NULL, ballast, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), ballast, 3);
  victim_say("ready");
  do check();
  while (!victim_may_go());
  check();
  victim_pass();
}
