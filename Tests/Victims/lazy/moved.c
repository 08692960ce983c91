// Memory that is moved, grown and shrunk before anyone has looked at it.
#include "lazy.h"

int main(void) {
  char *start = lazy_large(LARGE, 3), *other = lazy_large(LARGE, 4), *third = lazy_large(LARGE, 5);
  char *place = MUST(mmap(NULL, 4 * LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  victim_wait();
  // All of it, to a place that is not at the same distance from a huge page.
  char *moved = mremap(start, LARGE, 2 * LARGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + 5 * PAGE);
  CHECK(moved == place + 5 * PAGE, "%s", strerror(errno));
  CHECK(lazy_is(moved + LARGE / 2, LARGE / 2, PAGE, 3), "in the middle of what was moved");
  CHECK(lazy_is_zero(moved + LARGE, LARGE), "what was added is not zero");
  CHECK(lazy_is(moved, 0, LARGE, 3), "what was moved");
  // A part from the middle, and twice.
  char *part = mremap(other + (4 << 20), 6 << 20, 6 << 20, MREMAP_MAYMOVE | MREMAP_FIXED, place + 3 * LARGE);
  CHECK(part == place + 3 * LARGE, "%s", strerror(errno));
  CHECK(lazy_is(part + PAGE, (4 << 20) + PAGE, PAGE, 4), "a page of the part");
  part = mremap(part, 6 << 20, 6 << 20, MREMAP_MAYMOVE | MREMAP_FIXED, other + (4 << 20));
  CHECK(part == other + (4 << 20), "%s", strerror(errno));
  CHECK(lazy_is(other, 0, LARGE, 4), "what was moved there and back");
  // Less of it.
  CHECK(mremap(third, LARGE, LARGE / 2, 0) == third, "%s", strerror(errno));
  CHECK(lazy_is(third, 0, LARGE / 2, 5), "what is left");
  victim_pass();
}
