// Parts that are dropped before anyone has looked at them are zero, also when they are looked at much later.
#include "lazy.h"

int main(void) {
  char *start = lazy_large(LARGE, 3), *other = lazy_large(LARGE, 4);
  victim_wait();
  CHECK(madvise(start + 3 * PAGE, 5 * PAGE, MADV_DONTNEED) == 0, "%s", strerror(errno));
  CHECK(madvise(start + (5 << 20), 4 << 20, MADV_DONTNEED) == 0, "%s", strerror(errno));
  CHECK(madvise(other, LARGE, MADV_DONTNEED) == 0, "%s", strerror(errno));
  CHECK(lazy_is_zero(start + 3 * PAGE, 5 * PAGE), "what was dropped came back");
  memset(start + 4 * PAGE, 1, PAGE);
  CHECK(lazy_is(start, 0, 3 * PAGE, 3), "before what was dropped");
  CHECK(lazy_is(start + 8 * PAGE, 8 * PAGE, (5 << 20) - 8 * PAGE, 3), "behind what was dropped");
  CHECK(lazy_is_zero(start + (5 << 20), 4 << 20), "4 MiB that were dropped came back");
  CHECK(lazy_is(start + (9 << 20), 9 << 20, LARGE - (9 << 20), 3), "the rest");
  CHECK(lazy_is_zero(other, LARGE), "all of it was dropped, and came back");
  CHECK(start[4 * PAGE] == 1 && start[4 * PAGE + 4095] == 1, "what was written is gone");
  victim_pass();
}
