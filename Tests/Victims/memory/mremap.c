// Regions can be grown in place, moved, split and unmapped after the restart as before.
#include "victim.h"

int main(void) {
  char *start = MUST(mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  victim_fill(start, 64 * PAGE, 1);
  victim_wait();
  char *moved = mremap(start, 64 * PAGE, 1024 * PAGE, MREMAP_MAYMOVE);
  CHECK(moved != MAP_FAILED, "mremap: %s", strerror(errno));
  CHECK(victim_filled(moved, 64 * PAGE, 1), "contents changed");
  for (size_t i = 64 * PAGE; i < 1024 * PAGE; i += 8) CHECK(*(uint64_t *)(moved + i) == 0, "new part isn't zero");
  CHECK(munmap(moved + 10 * PAGE, 10 * PAGE) == 0);
  CHECK(mprotect(moved + 30 * PAGE, PAGE, PROT_READ) == 0);
  CHECK(mremap(moved, 10 * PAGE, 5 * PAGE, 0) == moved);
  CHECK(victim_filled(moved, 5 * PAGE, 1));
  victim_pass();
}
