// ckpt_exclude: pages wholly inside come back zeroed, all others as they were; also in changes to an earlier image
// (argument "incremental") and when most is copied ahead (CKPT_PRECOPY). Included again, they are saved again.
#include <ckpt.h>

#include "victim.h"

enum { size = 8 << 20, part = 2 << 20 };
static char data[16 * PAGE] __attribute__((aligned(4096))) = {1};

int main(int count, char **arguments) {
  bool incremental = count > 1 && !strcmp(arguments[1], "incremental");
  struct ckpt_options options = CKPT_OPTIONS_INIT;
  if (incremental) options.flags = CKPT_INCREMENTAL;
  char *cache = MUST(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  victim_fill(cache, size, 1);
  victim_fill(data, sizeof data, 2);
  // Not aligned: its first and last page are not wholly inside.
  CHECK(ckpt_exclude(cache + part + 100, part) == 0);
  CHECK(ckpt_exclude(cache + part - PAGE, 2 * PAGE) == 0);
  CHECK(ckpt_exclude(cache + 3 * part, part / 2) == 0);
  CHECK(ckpt_include(cache + 3 * part + PAGE, PAGE) == 0);
  CHECK(ckpt_exclude(data + PAGE, 2 * PAGE) == 0);
  if (incremental) {
    // In the first image they are there, then they are not; others come back.
    CHECK(ckpt_include(cache + part - PAGE, part + 2 * PAGE) == 0);
    CHECK(ckpt_checkpoint("myckpt", &options) == CKPT_SAVED);
    CHECK(ckpt_exclude(cache + part - PAGE, part + 2 * PAGE - 100) == 0);
    CHECK(ckpt_exclude(cache + size - PAGE, PAGE) == 0);
    int now = ckpt_checkpoint("myckpt", &options);
    CHECK(now == CKPT_SAVED, "%d %s", now, ckpt_strerror(now));
    CHECK(ckpt_include(cache + size - PAGE, PAGE) == 0);
  }
  int now = ckpt_checkpoint("myckpt", &options);
  if (now == CKPT_SAVED) {
    CHECK(victim_filled(cache, size, 1) && victim_filled(data, sizeof data, 2), "the original lost something");
    victim_wait();
    FAIL("it was to be killed");
  }
  CHECK(now == CKPT_RESTARTED, "%d %s", now, ckpt_strerror(now));
  static char wanted[size], wanted_data[sizeof data];
  victim_fill(wanted, size, 1);
  victim_fill(wanted_data, sizeof data, 2);
  memset(wanted + part - PAGE, 0, part + PAGE);
  memset(wanted + 3 * part, 0, PAGE);
  memset(wanted + 3 * part + 2 * PAGE, 0, part / 2 - 2 * PAGE);
  memset(wanted_data + PAGE, 0, 2 * PAGE);
  for (size_t page = 0; page < size / PAGE; page++)
    CHECK(!memcmp(cache + page * PAGE, wanted + page * PAGE, PAGE), "page %zu is not what it was to be", page);
  CHECK(!memcmp(data, wanted_data, sizeof data), "data is not what it was to be");
  victim_pass();
}
