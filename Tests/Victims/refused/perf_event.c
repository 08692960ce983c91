// A performance counter can't be restored: refused by that name, and it goes on counting.
#include <linux/perf_event.h>
#include "victim.h"

int main(void) {
  struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = 1};
  int fd = syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) SKIP("no performance counters: %s", strerror(errno));
  victim_wait();
  uint64_t one = 0, two = 0;
  CHECK(read(fd, &one, 8) == 8);
  for (volatile int i = 0; i < 1000000; i++) {}
  CHECK(read(fd, &two, 8) == 8 && two > one, "the counter stands still");
  victim_pass();
}
