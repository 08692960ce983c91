// Private mappings of a file, some of whose pages are zero, dropped by MADV_DONTNEED: what the file held comes back,
// and what the program wrote elsewhere stays.
#include "victim.h"

enum { PAGES = 60 };

static int is_zero(int page) { return page == 5 || page == 6 || page == 20 || page == PAGES - 1; }

static void check(const char *page, int number) {
  for (size_t at = 0; at < PAGE; at++)
    CHECK(page[at] == (is_zero(number) ? 0 : (char)(number + (int)at + 1)), "page %d, byte %zu: %d", number, at, page[at]);
}

int main(void) {
  static char data[PAGES * PAGE];
  for (int page = 0; page < PAGES; page++)
    for (size_t at = 0; !is_zero(page) && at < PAGE; at++) data[page * PAGE + at] = (char)(page + (int)at + 1);
  int file = MUST(open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0644));
  CHECK(MUST(write(file, data, sizeof data)) == sizeof data);
  char *constant = MUST(mmap(NULL, sizeof data, PROT_READ, MAP_PRIVATE, file, 0));
  char *changed = MUST(mmap(NULL, sizeof data, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0));
  memset(changed + 3 * PAGE, 'x', PAGE);
  memset(changed + 40 * PAGE, 0, PAGE);
  MUST(close(file));
  victim_wait();
  for (int round = 0; round < 2; round++) {
    for (int page = 0; page < PAGES; page++) check(constant + page * PAGE, page);
    for (int page = 0; page < PAGES; page++)
      if (page != 3 && page != 40) check(changed + page * PAGE, page);
    for (size_t at = 0; at < PAGE; at++) CHECK(changed[3 * PAGE + at] == 'x' && changed[40 * PAGE + at] == 0);
    MUST(madvise(constant, sizeof data, MADV_DONTNEED));
    MUST(madvise(changed, 3 * PAGE, MADV_DONTNEED));
    MUST(madvise(changed + 4 * PAGE, 36 * PAGE, MADV_DONTNEED));
    MUST(madvise(changed + 41 * PAGE, (PAGES - 41) * PAGE, MADV_DONTNEED));
  }
  memset(changed, 'w', sizeof data);
  for (int page = 0; page < PAGES; page++) check(constant + page * PAGE, page);
  victim_pass();
}
