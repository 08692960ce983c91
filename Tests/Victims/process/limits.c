// Resource limits, soft and hard, are kept; also a low limit on descriptors and none on cores.
#include <sys/resource.h>
#include "victim.h"

int main(void) {
  struct rlimit before[16], after;
  struct rlimit few = {100, 200}, no_core = {0, 0}, stack = {16 << 20, RLIM_INFINITY};
  MUST(setrlimit(RLIMIT_NOFILE, &few));
  MUST(setrlimit(RLIMIT_CORE, &no_core));
  getrlimit(RLIMIT_STACK, &after);
  stack.rlim_max = after.rlim_max;
  setrlimit(RLIMIT_STACK, &stack);
  for (int i = 0; i < 16; i++) getrlimit(i, &before[i]);
  victim_wait();
  for (int i = 0; i < 16; i++) {
    getrlimit(i, &after);
    CHECK(after.rlim_cur == before[i].rlim_cur && after.rlim_max == before[i].rlim_max,
          "limit %d is %lu %lu, was %lu %lu", i, after.rlim_cur, after.rlim_max, before[i].rlim_cur, before[i].rlim_max);
  }
  victim_pass();
}
