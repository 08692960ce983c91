// What counts processor time goes on from what was used: RLIMIT_CPU, ITIMER_PROF and ITIMER_VIRTUAL, timers of
// CLOCK_PROCESS_CPUTIME_ID and CLOCK_THREAD_CPUTIME_ID. The clocks themselves begin anew: the kernel has no way
// to set them.
#include <sys/resource.h>
#include <sys/time.h>
#include "victim.h"

static void burn(double seconds) {
  double end = victim_clock(CLOCK_PROCESS_CPUTIME_ID) + seconds;
  while (victim_clock(CLOCK_PROCESS_CPUTIME_ID) < end) {}
}

static double left(timer_t timer) {
  struct itimerspec now;
  MUST(timer_gettime(timer, &now));
  return now.it_value.tv_sec + now.it_value.tv_nsec / 1e9;
}

static double interval(int which) {
  struct itimerval now;
  MUST(getitimer(which, &now));
  return now.it_value.tv_sec + now.it_value.tv_usec / 1e6;
}

int main(void) {
  signal(SIGXCPU, SIG_IGN);
  burn(1.3);
  struct itimerval soon = {.it_value = {50, 0}, .it_interval = {9, 0}};
  MUST(setitimer(ITIMER_PROF, &soon, NULL));
  MUST(setitimer(ITIMER_VIRTUAL, &soon, NULL));
  struct rlimit limit = {100, 200};
  MUST(setrlimit(RLIMIT_CPU, &limit));
  timer_t process, thread;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGURG};
  MUST(timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &process));
  MUST(timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &thread));
  struct itimerspec when = {.it_value = {60, 0}};
  MUST(timer_settime(process, 0, &when, NULL));
  // At a time that has been used in part.
  struct itimerspec at = {.it_value = {61, 0}};
  MUST(timer_settime(thread, TIMER_ABSTIME, &at, NULL));
  double used = victim_clock(CLOCK_PROCESS_CPUTIME_ID);
  bool restarted = victim_wait();
  double now = victim_clock(CLOCK_PROCESS_CPUTIME_ID);
  CHECK(restarted || now >= used);
  CHECK(left(process) > 57 && left(process) <= 60, "%f s are left of 60", left(process));
  CHECK(left(thread) > 56 && left(thread) < 60, "%f s are left of 59.7", left(thread));
  CHECK(interval(ITIMER_PROF) > 47 && interval(ITIMER_PROF) <= 50.1, "ITIMER_PROF has %f s", interval(ITIMER_PROF));
  CHECK(interval(ITIMER_VIRTUAL) > 47 && interval(ITIMER_VIRTUAL) <= 50.1, "ITIMER_VIRTUAL has %f s", interval(ITIMER_VIRTUAL));
  // 100 s were allowed in all. A soft limit can't be more exact than a second.
  MUST(getrlimit(RLIMIT_CPU, &limit));
  double allowed = (double)limit.rlim_cur - now + (restarted ? used : now) - (restarted ? 0 : 0);
  if (restarted)
    CHECK(limit.rlim_cur == 100 - (rlim_t)used, "the limit is %lu s, %.2f were used", limit.rlim_cur, used);
  else
    CHECK(limit.rlim_cur == 100 && allowed > 0);
  CHECK(limit.rlim_max == (restarted ? 200 - (rlim_t)used : 200), "the hard limit is %lu s", limit.rlim_max);
  victim_pass();
}
