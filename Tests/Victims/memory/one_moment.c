// All memory and all files without a name come back from one moment, however they are mapped, although the
// program changes them all the time while the image is written. Every generation is written to all of them in
// turn; before the next one begins, all must show the last.
#include "victim.h"

enum { kinds = 7, pages = 16, size = pages * PAGE };
enum { PRIVATE, NOT_FORKED, LOCKED, SHARED, MAPPED_FILE, MEMORY_FILE, UNLINKED };
static const char *name[kinds] = {"private", "dontfork", "locked", "shared", "mapped memfd", "unmapped memfd", "unlinked file"};
static char *memory[kinds];
static int file[kinds];

static void put(int kind, int page, uint64_t generation) {
  if (memory[kind])
    *(volatile uint64_t *)(memory[kind] + page * PAGE) = generation;
  else
    MUST(pwrite(file[kind], &generation, sizeof generation, page * PAGE));
}

static uint64_t get(int kind, int page) {
  uint64_t generation = 0;
  if (memory[kind]) return *(volatile uint64_t *)(memory[kind] + page * PAGE);
  MUST(pread(file[kind], &generation, sizeof generation, page * PAGE));
  return generation;
}

static void check(uint64_t generation) {
  for (int kind = 0; kind < kinds; kind++)
    for (int page = 0; page < pages; page++)
      CHECK(get(kind, page) == generation, "%s, page %d: generation %lu, not %lu", name[kind], page,
            get(kind, page), generation);
}

int main(void) {
  int none = MAP_ANONYMOUS, both = PROT_READ | PROT_WRITE;
  for (int kind = PRIVATE; kind <= LOCKED; kind++)
    memory[kind] = MUST(mmap(NULL, size, both, MAP_PRIVATE | none, -1, 0));
  MUST(madvise(memory[NOT_FORKED], size, MADV_DONTFORK));
  if (mlock(memory[LOCKED], size)) SKIP("mlock: %s", strerror(errno));
  memory[SHARED] = MUST(mmap(NULL, size, both, MAP_SHARED | none, -1, 0));
  for (int kind = MAPPED_FILE; kind <= MEMORY_FILE; kind++) {
    file[kind] = MUST(memfd_create("moment", MFD_CLOEXEC));
    MUST(ftruncate(file[kind], size));
  }
  memory[MAPPED_FILE] = MUST(mmap(NULL, size, both, MAP_SHARED, file[MAPPED_FILE], 0));
  file[UNLINKED] = MUST(open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  MUST(ftruncate(file[UNLINKED], size));
  // Enough to write that the program does a lot meanwhile.
  size_t ballast = 48 << 20;
  victim_fill(MUST(mmap(NULL, ballast, both, MAP_PRIVATE | none, -1, 0)), ballast, 7);

  uint64_t generation = 0;
  victim_say("ready");
  do {
    check(generation);
    generation++;
    for (int kind = 0; kind < kinds; kind++)
      for (int page = 0; page < pages; page++) put(kind, page, generation);
  } while (!victim_may_go());
  check(generation);
  victim_pass();
}
