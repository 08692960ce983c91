// POSIX timers keep their ids (with a gap between them), clocks, what is left, intervals, signals and values;
// one that calls a function in a thread of libc's still does, one aimed at a thread still hits that thread.
#include "victim.h"

static volatile int value, calls;
static volatile pid_t hit;
static volatile int flag, other_ready;
static timer_t aimed;

static void handler(int number, siginfo_t *info, void *unused) {
  (void)number, (void)unused;
  value = info->si_value.sival_int;
}
static void on_aimed(int number) { hit = number ? victim_tid() : 0; }
static void in_thread(union sigval v) { calls += v.sival_int; }

static void *other(void *unused) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 2};
  event._sigev_un._tid = victim_tid();
  MUST(timer_create(CLOCK_MONOTONIC, &event, &aimed));
  struct itimerspec often = {{0, 10000000}, {0, 10000000}};
  MUST(timer_settime(aimed, 0, &often, NULL));
  other_ready = 1;
  while (!flag) victim_doze();
  hit = 0;
  while (!hit) victim_doze();
  CHECK(hit == victim_tid(), "thread %d was hit instead of %d", hit, victim_tid());
  return unused;
}

int main(void) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGRTMIN + 1, &action, NULL);
  action.sa_handler = on_aimed;
  action.sa_flags = SA_RESTART;
  sigaction(SIGRTMIN + 2, &action, NULL);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 77};
  struct sigevent call = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_thread, .sigev_value.sival_int = 1};
  struct sigevent nothing = {.sigev_notify = SIGEV_NONE};
  timer_t gap, fires, later, calling;
  MUST(timer_create(CLOCK_REALTIME, &event, &gap));
  MUST(timer_create(CLOCK_MONOTONIC, &event, &fires));
  MUST(timer_create(CLOCK_REALTIME, &nothing, &later));
  MUST(timer_create(CLOCK_MONOTONIC, &call, &calling));
  MUST(timer_delete(gap));
  struct itimerspec often = {{0, 30000000}, {0, 30000000}}, long_one = {{9, 9}, {5000, 0}}, now;
  MUST(timer_settime(fires, 0, &often, NULL));
  MUST(timer_settime(later, 0, &long_one, NULL));
  MUST(timer_settime(calling, 0, &often, NULL));
  pthread_t thread;
  pthread_create(&thread, NULL, other, NULL);
  while (!other_ready || !calls) victim_doze();
  victim_wait();
  value = 0;
  int calls_then = calls;
  while (value == 0 || calls == calls_then) victim_doze();
  CHECK(value == 77, "the signal's value is %d", value);
  MUST(timer_gettime(later, &now));
  CHECK(now.it_interval.tv_sec == 9 && now.it_interval.tv_nsec == 9 && now.it_value.tv_sec > 4900 && now.it_value.tv_sec <= 5000,
        "%ld s left, interval %ld", now.it_value.tv_sec, now.it_interval.tv_sec);
  flag = 1;
  pthread_join(thread, NULL);
  timer_t fresh;
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &fresh) == 0 && timer_delete(fresh) == 0, "a new timer: %s", strerror(errno));
  CHECK(timer_delete(fires) == 0 && timer_delete(later) == 0 && timer_delete(calling) == 0);
  victim_pass();
}
