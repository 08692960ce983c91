// The program's own signals interrupt its calls as ever: a checkpoint hides its own signal and no other. A
// thread sleeps in a blocking call; a signal whose handler has no SA_RESTART must give it EINTR.
#include "victim.h"

static volatile int interrupted;
static volatile pid_t tid;
static int pipes[2];
static void nothing(int number) { (void)number; }

static void *sleeper(void *unused) {
  tid = victim_tid();
  char byte;
  ssize_t n = read(pipes[0], &byte, 1);
  CHECK(n == -1 && errno == EINTR, "read gives %zd, %s", n, strerror(errno));
  interrupted = 1;
  struct timespec hour = {3600, 0}, left = {0, 0};
  CHECK(nanosleep(&hour, &left) == -1 && errno == EINTR, "nanosleep was not interrupted");
  CHECK(left.tv_sec > 3000 && left.tv_sec <= 3600, "%ld s left", left.tv_sec);
  interrupted = 2;
  return unused;
}

int main(void) {
  struct sigaction action = {.sa_handler = nothing};
  sigaction(SIGUSR1, &action, NULL);
  MUST(pipe(pipes));
  pthread_t thread;
  pthread_create(&thread, NULL, sleeper, NULL);
  while (!tid) victim_doze();
  victim_until_asleep(tid);
  victim_wait();
  CHECK(!interrupted, "the call came back on its own");
  for (int i = 1; i <= 2; i++) {
    victim_until_asleep(tid);
    pthread_kill(thread, SIGUSR1);
    while (interrupted < i) victim_doze();
  }
  pthread_join(thread, NULL);
  victim_pass();
}
