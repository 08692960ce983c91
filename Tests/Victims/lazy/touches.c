// Reads some pages of its memory and writes to some others, says where and how often it faulted for that, and
// then looks at all of it.
#include "lazy.h"

#include <sys/resource.h>

#define SIZE (32ul << 20)
#define READS 200
#define WRITES 100

// So far apart that the kernel does not map one with another.
static size_t read_page(int i) { return (8 + i * 37ul) * PAGE; }
static size_t written_page(int i) { return (27 + i * 37ul) * PAGE; }

static long faults(void) {
  struct rusage usage;
  MUST(getrusage(RUSAGE_SELF, &usage));
  return usage.ru_minflt + usage.ru_majflt;
}

int main(void) {
  char *start = lazy_large(SIZE, 7);
  MUST(madvise(start, SIZE, MADV_NOHUGEPAGE));
  victim_wait();
  long before = faults();
  uint64_t wrong = 0;
  for (int i = 0; i < READS; i++) wrong += !lazy_is(start + read_page(i), read_page(i), 8, 7);
  for (int i = 0; i < WRITES; i++) start[written_page(i)] ^= 1;
  long after = faults();
  victim_say("start %lu faults %ld", (unsigned long)start, after - before);
  CHECK(wrong == 0);
  for (int i = 0; i < WRITES; i++) start[written_page(i)] ^= 1;
  CHECK(lazy_is(start, 0, SIZE, 7), "memory changed");
  victim_pass();
}
