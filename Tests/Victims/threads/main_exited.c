// The main thread has left by pthread_exit and is a zombie; the process lives on in another thread, before and
// after.
#include "victim.h"

static pid_t leader;

static char leader_state(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", leader);
  char *text = victim_slurp(path, NULL), state = strrchr(text, ')')[2];
  free(text);
  return state;
}

static void *nothing(void *unused) { return unused; }

static void *run(void *unused) {
  pid_t tid = victim_tid();
  while (leader_state() != 'Z') victim_doze();
  victim_wait();
  CHECK(getpid() == leader && victim_tid() == tid, "an id changed");
  // A restart makes the thread anew, and it ends when the others may already run.
  while (leader_state() != 'Z') victim_doze();
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0);
  pthread_join(thread, NULL);
  victim_pass();
  return unused;
}

int main(void) {
  leader = getpid();
  pthread_t thread;
  pthread_create(&thread, NULL, run, NULL);
  pthread_exit(NULL);
}
