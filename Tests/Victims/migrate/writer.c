// Writes all the time, to memory that comes, goes, grows and is emptied, and looks at all of it again and again. What
// every page must hold is written down beside it. Each turn that found nothing wrong says its number and the name of
// the machine in the file `numbers`.
//
// Usage: writer PAGES RATE: PAGES of which RATE are written in a second.
#include <sys/utsname.h>
#include "victim.h"

enum { TURNS = 1000, LOOKS = 64 };

struct memory {
  char *start;
  uint32_t *seeds;  // by page; 0: it was emptied
  size_t pages, limit, next;
};

static uint64_t state = 88172645463325252ull;

static uint64_t chance(void) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state;
}

static void put(struct memory *m, size_t page) {
  victim_fill(m->start + page * PAGE, PAGE, m->seeds[page] = 1 + (uint32_t)(chance() >> 33));
}

static struct memory make(size_t pages, size_t limit) {
  struct memory m = {.pages = pages, .limit = limit};
  m.seeds = MUST(mmap(NULL, limit * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  m.start = MUST(mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (size_t page = 0; page < pages; page++) put(&m, page);
  return m;
}

static void empty(struct memory *m, size_t page) {
  m->seeds[page] = 0;
  MUST(madvise(m->start + page * PAGE, PAGE, MADV_DONTNEED));
}

// Grows, by its end, and as one; from its limit back to the first page.
static void grow(struct memory *m) {
  size_t pages = m->pages == m->limit ? 1 : m->pages * 2 < m->limit ? m->pages * 2 : m->limit;
  m->start = MUST(mremap(m->start, m->pages * PAGE, pages * PAGE, MREMAP_MAYMOVE));
  for (size_t page = m->pages; page < pages; page++) put(m, page);
  m->pages = pages;
}

static void look(struct memory *m, const char *name) {
  static const char nothing[PAGE];
  size_t page = m->next = m->next + 1 < m->pages ? m->next + 1 : 0;
  char *bytes = m->start + page * PAGE;
  if (m->seeds[page] == 0)
    CHECK(memcmp(bytes, nothing, PAGE) == 0, "%s: page %zu of %zu is not empty", name, page, m->pages);
  else
    CHECK(victim_filled(bytes, PAGE, m->seeds[page]), "%s: page %zu of %zu", name, page, m->pages);
}

static void say(int file, uint64_t turn) {
  struct utsname names;
  MUST(uname(&names));
  char line[128];
  int count = snprintf(line, sizeof line, "%lu %s\n", turn, names.nodename);
  CHECK(write(file, line, count) == count);
}

int main(int argc, char **argv) {
  if (argc != 3) return 1;
  size_t pages = strtoull(argv[1], NULL, 10), rate = strtoull(argv[2], NULL, 10);
  int file = MUST(open("numbers", O_WRONLY | O_CREAT | O_APPEND, 0644));
  struct memory large = make(pages, pages), growing = make(1, 1024);
  for (uint64_t turn = 1, written = 0;; turn++) {
    for (; written * TURNS < turn * rate; written++) put(&large, chance() % pages);
    empty(&large, chance() % pages);
    put(&growing, chance() % growing.pages);
    if (turn % 100 == 0) grow(&growing);
    for (int count = 0; count < LOOKS; count++) look(&large, "large"), look(&growing, "growing");
    say(file, turn);
    MUST(usleep(1000000 / TURNS));
  }
}
