// Shared memory on huge pages of hugetlbfs: anonymous, and a memfd with and without a mapping; with holes.
#include "victim.h"

#define HUGE (2ul << 20)

static bool reserve(int pages) {
  int file = open("/proc/sys/vm/nr_hugepages", O_WRONLY | O_CLOEXEC);
  if (file >= 0) {
    dprintf(file, "%d", pages);
    close(file);
  }
  char *text = victim_slurp("/proc/meminfo", NULL), *line = strstr(text, "HugePages_Free:");
  bool enough = line && atoi(line + 15) >= pages / 2;
  free(text);
  return enough;
}

int main(void) {
  if (!reserve(64)) SKIP("no huge pages, and only root can have some");
  char *shared = mmap(NULL, 4 * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  if (shared == MAP_FAILED) SKIP("no huge pages: %s", strerror(errno));
  victim_fill(shared, HUGE, 1);
  victim_fill(shared + 2 * HUGE, HUGE, 2);
  int file = MUST(memfd_create("huge", MFD_HUGETLB | MFD_CLOEXEC)), bare = MUST(memfd_create("bare", MFD_HUGETLB));
  MUST(ftruncate(file, 4 * HUGE));
  MUST(ftruncate(bare, 2 * HUGE));
  char *mapped = MUST(mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, HUGE));
  victim_fill(mapped + HUGE, HUGE, 3);
  char *gone = MUST(mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, bare, 0));
  victim_fill(gone + HUGE, HUGE, 4);
  munmap(gone, 2 * HUGE);
  char *private = MUST(mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0));
  victim_fill(private, HUGE, 5);
  victim_wait();
  CHECK(victim_filled(shared, HUGE, 1) && victim_filled(shared + 2 * HUGE, HUGE, 2), "shared: %lx", *(long *)shared);
  for (size_t i = 0; i < HUGE; i += PAGE) CHECK(shared[HUGE + i] == 0);
  CHECK(victim_filled(mapped + HUGE, HUGE, 3), "of a memfd");
  mapped[0] = 42;
  char *again = MUST(mmap(NULL, 4 * HUGE, PROT_READ, MAP_SHARED, file, 0));
  CHECK(again[HUGE] == 42 && victim_filled(again + 2 * HUGE, HUGE, 3), "the descriptor shows something else");
  gone = MUST(mmap(NULL, 2 * HUGE, PROT_READ, MAP_SHARED, bare, 0));
  CHECK(gone[0] == 0 && victim_filled(gone + HUGE, HUGE, 4), "of a memfd that is not mapped");
  CHECK(victim_filled(private, HUGE, 5), "private");
  struct stat status;
  fstat(bare, &status);
  CHECK(status.st_size == 2 * (long)HUGE && status.st_blksize == (long)HUGE, "a block has %ld bytes", status.st_blksize);
  victim_pass();
}
