// Memory on transparent huge pages comes back with its contents, and a region that asked for huge pages can
// still be split, dropped and filled again.
#include "victim.h"

int main(void) {
  size_t huge = 2 << 20;
  char *room = MUST(mmap(NULL, 9 * huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  char *start = (char *)(((uintptr_t)room + huge - 1) & -huge);
  if (madvise(start, 8 * huge, MADV_HUGEPAGE)) SKIP("no transparent huge pages");
  for (size_t i = 0; i < 8; i += 2) victim_fill(start + i * huge, huge, i);
  victim_fill(start + huge + 5 * PAGE, PAGE, 99);
  victim_wait();
  for (size_t i = 0; i < 8; i += 2) CHECK(victim_filled(start + i * huge, huge, i), "huge page %zu", i);
  CHECK(victim_filled(start + huge + 5 * PAGE, PAGE, 99));
  for (size_t i = 0; i < 5 * PAGE; i++) CHECK(start[huge + i] == 0);
  CHECK(madvise(start + PAGE, PAGE, MADV_DONTNEED) == 0 && start[PAGE] == 0);
  CHECK(munmap(start + 2 * huge, PAGE) == 0);
  victim_pass();
}
