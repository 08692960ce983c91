// The program's own signals rain on it all the time, a thousand a second to two threads, while it is stopped
// and brought back: no handler is lost in the middle and real-time signals are counted exactly.
#include <sys/time.h>
#include "victim.h"

static volatile long alarms, queued;
static volatile bool stop;
static long sent;
static void on_alarm(int number) { alarms += number == SIGALRM; }
static void on_queued(int number) { __atomic_add_fetch(&queued, number != 0, __ATOMIC_SEQ_CST); }

static void *sender(void *unused) {
  while (!stop) {
    if (sigqueue(getpid(), SIGRTMIN + 1, (union sigval){0}) == 0) sent++;
    struct timespec pause = {0, 1000000};
    nanosleep(&pause, NULL);
  }
  return unused;
}

int main(void) {
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  action.sa_handler = on_queued;
  sigaction(SIGRTMIN + 1, &action, NULL);
  struct itimerval often = {{0, 1000}, {0, 1000}};
  MUST(setitimer(ITIMER_REAL, &often, NULL));
  pthread_t thread;
  pthread_create(&thread, NULL, sender, NULL);
  victim_wait();
  long then = alarms, queued_then = queued;
  while (alarms < then + 20 || queued < queued_then + 20) victim_doze();
  stop = true;
  pthread_join(thread, NULL);
  CHECK(queued == sent, "%ld signals queued, %ld arrived", sent, queued);
  victim_pass();
}
