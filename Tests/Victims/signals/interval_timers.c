// The three interval timers keep what is left of them and their interval, and a short one goes on firing.
#include <sys/time.h>
#include "victim.h"

static volatile int alarms;
static void on_alarm(int number) { alarms += number == SIGALRM; }

int main(void) {
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval often = {{0, 20000}, {0, 20000}}, later = {{3, 500000}, {2000, 0}}, now;
  MUST(setitimer(ITIMER_REAL, &often, NULL));
  MUST(setitimer(ITIMER_VIRTUAL, &later, NULL));
  MUST(setitimer(ITIMER_PROF, &later, NULL));
  victim_wait();
  int then = alarms;
  while (alarms < then + 3) victim_doze();
  int kinds[] = {ITIMER_VIRTUAL, ITIMER_PROF};
  for (int i = 0; i < 2; i++) {
    MUST(getitimer(kinds[i], &now));
    CHECK(now.it_interval.tv_sec == 3 && now.it_interval.tv_usec == 500000, "timer %d: interval %ld", i, now.it_interval.tv_sec);
    CHECK(now.it_value.tv_sec <= 2000 && now.it_value.tv_sec > 1900, "timer %d: %ld s left", i, now.it_value.tv_sec);
  }
  MUST(getitimer(ITIMER_REAL, &now));
  CHECK(now.it_interval.tv_usec == 20000);
  victim_pass();
}
