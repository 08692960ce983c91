// Memory of which one image has the most, and a later one what changed: some is written, some is dropped.
#include "lazy.h"

int main(void) {
  char *start = lazy_large(2 * LARGE, 3);
  victim_say("ready");
  while (access("round", F_OK) != 0) victim_doze();
  victim_fill(start + (5 << 20) + PAGE, 3 << 20, 9);
  for (size_t at = 0; at < LARGE; at += 40 * PAGE) start[LARGE + at] = 1;
  CHECK(madvise(start + (10 << 20), 1 << 20, MADV_DONTNEED) == 0, "%s", strerror(errno));
  victim_say("changed");
  victim_wait_go();
  for (size_t at = 0; at < LARGE; at += 40 * PAGE) {
    CHECK(start[LARGE + at] == 1, "what was written at %zu", at);
    CHECK(lazy_is(start + LARGE + at + 8, LARGE + at + 8, PAGE - 8, 3), "behind what was written at %zu", at);
    CHECK(lazy_is(start + LARGE + at + PAGE, LARGE + at + PAGE, 3 * PAGE, 3), "the pages behind %zu", at);
  }
  CHECK(lazy_is(start, 0, (5 << 20) + PAGE, 3), "before what was filled again");
  CHECK(victim_filled(start + (5 << 20) + PAGE, 3 << 20, 9), "what was filled again");
  CHECK(lazy_is_zero(start + (10 << 20), 1 << 20), "what was dropped");
  CHECK(lazy_is(start + (11 << 20), 11 << 20, 5 << 20, 3), "behind what was dropped");
  victim_pass();
}
