// timerfd: one that has expired keeps its ticks, one that runs keeps what is left and its interval, one that
// is not set stays so.
#include <poll.h>
#include <sys/timerfd.h>
#include "victim.h"

int main(void) {
  int expired = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)), running = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  int unset = MUST(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK)), periodic = MUST(timerfd_create(CLOCK_BOOTTIME, 0));
  struct itimerspec soon = {.it_value = {0, 1}}, later = {.it_value = {1000, 0}, .it_interval = {7, 5}}, often = {{0, 50000000}, {0, 50000000}};
  MUST(timerfd_settime(expired, 0, &soon, NULL));
  MUST(timerfd_settime(running, 0, &later, NULL));
  MUST(timerfd_settime(periodic, 0, &often, NULL));
  struct pollfd wait = {expired, POLLIN, 0};
  poll(&wait, 1, -1);
  victim_wait();
  uint64_t ticks = 0;
  CHECK(read(expired, &ticks, 8) == 8 && ticks == 1, "the expired one has %lu ticks", ticks);
  struct itimerspec now;
  MUST(timerfd_gettime(running, &now));
  CHECK(now.it_interval.tv_sec == 7 && now.it_interval.tv_nsec == 5, "interval");
  CHECK(now.it_value.tv_sec < 1000 && now.it_value.tv_sec > 900, "%ld s are left", now.it_value.tv_sec);
  MUST(timerfd_gettime(unset, &now));
  CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0 && read(unset, &ticks, 8) == -1 && errno == EAGAIN);
  for (int i = 0; i < 3; i++) CHECK(read(periodic, &ticks, 8) == 8 && ticks >= 1, "the periodic one stopped");
  victim_pass();
}
