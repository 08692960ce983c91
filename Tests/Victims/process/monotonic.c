// CLOCK_MONOTONIC and CLOCK_BOOTTIME go on from where they were: never back, and no jump. The clock is read
// all the time, so that the last reading lies just before the checkpoint; with VICTIM_JUMP seconds allowed.
#include "victim.h"

int main(void) {
  double allowed = getenv("VICTIM_JUMP") ? atof(getenv("VICTIM_JUMP")) : 20, largest = 0, boot_largest = 0;
  double last = victim_clock(CLOCK_MONOTONIC), boot_last = victim_clock(CLOCK_BOOTTIME);
  victim_say("ready");
  while (!victim_may_go()) {
    victim_doze();
    double now = victim_clock(CLOCK_MONOTONIC), boot = victim_clock(CLOCK_BOOTTIME);
    CHECK(now >= last, "CLOCK_MONOTONIC went back from %f to %f", last, now);
    CHECK(boot >= boot_last, "CLOCK_BOOTTIME went back from %f to %f", boot_last, boot);
    if (now - last > largest) largest = now - last;
    if (boot - boot_last > boot_largest) boot_largest = boot - boot_last;
    last = now;
    boot_last = boot;
  }
  victim_say("largest step %f s, boot time %f s", largest, boot_largest);
  CHECK(largest < allowed, "CLOCK_MONOTONIC jumped by %f s", largest);
  CHECK(boot_largest < allowed, "CLOCK_BOOTTIME jumped by %f s", boot_largest);
  struct timespec raw;
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &raw);
  CHECK(raw.tv_sec + raw.tv_nsec / 1e9 >= last && raw.tv_sec - last < allowed, "system call and vdso disagree");
  victim_pass();
}
