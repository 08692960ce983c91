// A program that reserves 100 GiB and touches 40 MiB of it. The driver also checks the size of the image.
#include "victim.h"

int main(void) {
  size_t gib = 1ul << 30, mib = 1ul << 20;
  char *start = mmap(NULL, 100 * gib, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) SKIP("100 GiB can't be reserved: %s", strerror(errno));
  char *none = mmap(NULL, 100 * gib, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  madvise(start, 100 * gib, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < 40; i++) victim_fill(start + i * 2 * gib, mib, i);
  victim_wait();
  for (size_t i = 0; i < 40; i++) CHECK(victim_filled(start + i * 2 * gib, mib, i), "piece %zu", i);
  CHECK(start[99 * gib] == 0);
  start[99 * gib] = 1;
  if (none != MAP_FAILED) CHECK(mprotect(none + gib, mib, PROT_READ | PROT_WRITE) == 0 && none[gib] == 0);
  victim_pass();
}
