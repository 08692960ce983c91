// Memory that is unmapped, or mapped over, before anyone has looked at it; and the heap that shrinks and grows.
#include "lazy.h"

int main(void) {
  char *start = lazy_large(LARGE, 3);
  char *heap = (char *)(((uintptr_t)sbrk(LARGE + PAGE) + PAGE - 1) & -PAGE);
  victim_fill(heap, LARGE, 6);
  victim_wait();
  CHECK(munmap(start + (2 << 20), 4 << 20) == 0, "%s", strerror(errno));
  char *fresh = mmap(start + (3 << 20), 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK(fresh == start + (3 << 20), "%s", strerror(errno));
  CHECK(lazy_is_zero(fresh, 1 << 20), "a new mapping shows what was there before");
  fresh = mmap(start + (8 << 20), 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK(fresh == start + (8 << 20), "%s", strerror(errno));
  CHECK(lazy_is_zero(fresh, 1 << 20), "a mapping over it shows what was there before");
  CHECK(lazy_is(start, 0, 2 << 20, 3), "before the hole");
  CHECK(lazy_is(start + (6 << 20), 6 << 20, 2 << 20, 3), "between the holes");
  CHECK(lazy_is(start + (9 << 20), 9 << 20, LARGE - (9 << 20), 3), "behind the holes");
  CHECK(sbrk(-(intptr_t)(LARGE / 2)) != (void *)-1, "%s", strerror(errno));
  CHECK(sbrk(LARGE) != (void *)-1, "%s", strerror(errno));
  CHECK(lazy_is(heap, 0, LARGE / 2 - PAGE, 6), "the heap");
  CHECK(lazy_is_zero(heap + LARGE / 2 + PAGE, LARGE - 2 * PAGE), "the heap grew, and not with zeros");
  victim_pass();
}
