// Memory that changes in every way there is, round after round; a checkpoint is taken after each. What every page
// must hold is written down beside it, and looked at before each round: after a restart from any of the images
// nothing may differ.
//
// Usage: ways SEED [close]. The driver creates `round.N` in the working directory to let round N begin, and `end`.
#include <sys/uio.h>
#include "victim.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

enum { PAGES = 4096, SMALL = 40, REGIONS = 10 };

// What a page holds: 0 zeros, ABSENT not to be touched, FILE_PAGE + n page n of the file, else a seed.
enum { ABSENT = 1, FILE_PAGE = 1u << 31 };

struct region {
  const char *name;
  char *start;
  size_t pages;
  uint32_t *holds;
};
static struct region all[REGIONS];
static uint32_t notes[REGIONS][2 * PAGES];
static int count, file;
static uint64_t state;

static uint64_t chance(uint64_t below) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state % below;
}

static void file_page(char *page, size_t number) { victim_fill(page, PAGE, 77777 + number); }

static void check(const char *when) {
  char expected[PAGE];
  for (int r = 0; r < count; r++)
    for (size_t p = 0; p < all[r].pages; p++) {
      uint32_t holds = all[r].holds[p];
      if (holds == ABSENT) continue;
      if (holds & FILE_PAGE) file_page(expected, holds & ~FILE_PAGE);
      else if (holds) victim_fill(expected, PAGE, holds);
      else memset(expected, 0, PAGE);
      CHECK(!memcmp(all[r].start + p * PAGE, expected, PAGE), "%s: page %zu of %s", when, p, all[r].name);
    }
}

static void put(struct region *r, size_t p) {
  uint32_t seed = 2 + chance(1u << 30);
  victim_fill(r->start + p * PAGE, PAGE, seed);
  r->holds[p] = seed;
}

static struct region *add(const char *name, char *start, size_t pages, uint32_t initial) {
  struct region *r = &all[count];
  *r = (struct region){name, start, pages, notes[count++]};
  for (size_t p = 0; p < pages; p++) r->holds[p] = initial ? initial + p : 0;
  return r;
}

static char *map(size_t pages) {
  return MUST(mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void drop(struct region *r, size_t first, size_t pages, uint32_t leaves) {
  MUST(madvise(r->start + first * PAGE, pages * PAGE, MADV_DONTNEED));
  for (size_t p = first; p < first + pages; p++) r->holds[p] = leaves ? leaves + p : 0;
}

static void by_read(struct region *r) {
  for (int i = 0; i < 20; i++) {
    size_t p = chance(r->pages), n = chance(100);
    CHECK(pread(file, r->start + p * PAGE, PAGE, n * PAGE) == PAGE, "pread");
    r->holds[p] = FILE_PAGE + n;
  }
}

static void by_move(struct region *r) {
  char *place = map(r->pages);
  char *moved = mremap(r->start, r->pages * PAGE, r->pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
  CHECK(moved == place, "mremap: %s", strerror(errno));
  r->start = moved;
  for (int i = 0; i < 5; i++) put(r, chance(r->pages));
}

static void by_new_mapping(struct region *r) {
  size_t first = chance(r->pages / 2), pages = 1 + chance(r->pages / 2 - 1);
  MUST(munmap(r->start + first * PAGE, pages * PAGE));
  char *again = mmap(r->start + first * PAGE, pages * PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK(again == r->start + first * PAGE, "mmap");
  for (size_t p = first; p < first + pages; p++) r->holds[p] = 0;
  for (int i = 0; i < 5; i++) put(r, first + chance(pages));
}

static void by_fork(struct region *r) {
  put(r, 1);
  pid_t child = fork();
  if (child == 0) {
    memset(r->start, 0x5A, 100 * PAGE);
    _exit(0);
  }
  put(r, 2);
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0, "the child");
  put(r, 3);
}

static void by_protection(struct region *r) {
  put(r, 4);
  MUST(mprotect(r->start, 64 * PAGE, PROT_READ));
  MUST(mprotect(r->start, 64 * PAGE, PROT_READ | PROT_WRITE));
  put(r, 5);
  MUST(mprotect(r->start + 128 * PAGE, 64 * PAGE, PROT_NONE));
  MUST(mprotect(r->start + 128 * PAGE, 64 * PAGE, PROT_READ | PROT_WRITE));
  put(r, 130);
}

static void by_guards(struct region *r) {
  static size_t guarded;
  if (guarded) {
    MUST(madvise(r->start + guarded * PAGE, 2 * PAGE, MADV_GUARD_REMOVE));
    r->holds[guarded] = r->holds[guarded + 1] = 0;
    guarded = 0;
    put(r, chance(r->pages));
    return;
  }
  size_t first = 1 + chance(r->pages - 4);
  if (madvise(r->start + first * PAGE, 2 * PAGE, MADV_GUARD_INSTALL) != 0) return;
  guarded = first;
  r->holds[first] = r->holds[first + 1] = ABSENT;
}

// Guard pages stay what they are: the kernel won't read them.
static void check_guards(struct region *r) {
  int hole[2];
  MUST(pipe(hole));
  for (size_t p = 0; p < r->pages; p++)
    if (r->holds[p] == ABSENT) CHECK(write(hole[1], r->start + p * PAGE, 1) == -1 && errno == EFAULT, "a guard page is gone");
  close(hole[0]);
  close(hole[1]);
}

static void deep(int depth) {
  volatile char frame[3000];
  for (size_t i = 0; i < sizeof frame; i += 100) frame[i] = depth + i;
  if (depth > 0) deep(depth - 1);
  for (size_t i = 0; i < sizeof frame; i += 100) CHECK(frame[i] == (char)(depth + i), "the stack");
}

static void close_all(void) {
  int lowest = file;
  for (int number = 3; number < 4096; number++)
    if (number != lowest) close(number);
}

int main(int argc, char **argv) {
  state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15ull + 1;
  bool closes = argc > 2;
  file = MUST(open("ways.file", O_RDWR | O_CREAT | O_TRUNC, 0600));
  char page[PAGE];
  for (int n = 0; n < 600; n++) {
    file_page(page, n);
    CHECK(write(file, page, PAGE) == PAGE, "write");
  }
  struct region *written = add("written", map(PAGES), PAGES, 0);
  struct region *read_into = add("read into", map(PAGES), PAGES, 0);
  struct region *dropped = add("dropped", map(PAGES), PAGES, 0);
  struct region *moved = add("moved", map(PAGES), PAGES, 0);
  struct region *replaced = add("replaced", map(PAGES), PAGES, 0);
  char *huge_start = (char *)(((uintptr_t)map(PAGES + 1024) + (2 << 20) - 1) & ~((2ul << 20) - 1));
  MUST(madvise(huge_start, PAGES * PAGE, MADV_HUGEPAGE));
  struct region *huge = add("huge", huge_start, PAGES, 0);
  struct region *small = add("small", map(SMALL), SMALL, 0);
  size_t heap_pages = 600;
  char *heap_start = (char *)(((uintptr_t)MUST(sbrk((heap_pages + 1) * PAGE)) + PAGE - 1) & -PAGE);
  struct region *heap = add("heap", heap_start, heap_pages, 0);
  struct region *mapped = add("mapped", MUST(mmap(NULL, 600 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0)), 600, FILE_PAGE);
  struct region *guarded = add("guarded", map(PAGES), PAGES, 0);
  for (int r = 0; r < count; r++)
    if (&all[r] != mapped)
      for (size_t p = 0; p < all[r].pages; p += 1 + p / 1000) put(&all[r], p);

  for (int round = 1;; round++) {
    check("before a round");
    check_guards(guarded);
    victim_say("ready %d", round);
    char name[32];
    snprintf(name, sizeof name, "round.%d", round);
    while (access(name, F_OK) != 0 && access("end", F_OK) != 0) victim_doze();
    if (access("end", F_OK) == 0) break;
    check("after a checkpoint");
    check_guards(guarded);
    for (int i = 0; i < 30; i++) put(written, chance(PAGES));
    memset(written->start + 7 * PAGE, 0, PAGE), written->holds[7] = 0;
    by_read(read_into);
    drop(dropped, chance(PAGES - 3), 2, 0);
    if (round % 2) drop(dropped, 512, 1500, 0);
    for (int i = 0; i < 4; i++) put(dropped, chance(PAGES));
    by_move(moved);
    by_new_mapping(replaced);
    by_fork(written);
    by_protection(read_into);
    for (int i = 0; i < 3; i++) put(huge, chance(PAGES));
    put(small, chance(SMALL));
    MUST(sbrk(50 * PAGE));
    for (size_t p = heap->pages; p < heap->pages + 50 && p < 2 * heap_pages; p++) heap->holds[p] = 0;
    if (heap->pages + 50 < 2 * heap_pages) heap->pages += 50;
    put(heap, heap->pages - 1), put(heap, chance(heap->pages));
    put(mapped, chance(600)), put(mapped, chance(600));
    // An image doesn't have what the file holds behind a page that was written.
    if (access("restarted", F_OK) != 0) drop(mapped, chance(500), 100, FILE_PAGE);
    by_guards(guarded);
    deep(200 + round * 50);
    if (closes) close_all();
  }
  victim_pass();
}
