// Many MiB of memory; the argument says how many. Looks at a few pages all over it first, then at all.
#include "lazy.h"

int main(int count, char **words) {
  size_t size = (count > 1 ? strtoull(words[1], NULL, 0) : 16) << 20;
  char *start = lazy_large(size, 5);
  victim_wait();
  for (size_t at = 0; at < size; at += 1234567 & -8ul) CHECK(lazy_is(start + at, at, 8, 5), "at byte %zu", at);
  CHECK(lazy_is(start, 0, size, 5), "memory changed");
  victim_pass();
}
