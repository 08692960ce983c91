// The C heap is whole: blocks of all sizes keep their contents, can be freed, reallocated and joined by new
// ones, and the program break grows and shrinks.
#include <malloc.h>
#include "victim.h"

enum { blocks = 400 };

int main(void) {
  static char *block[blocks];
  static size_t size[blocks];
  for (int i = 0; i < blocks; i++) {
    size[i] = 16 + (size_t)i * i * (i % 7 == 0 ? 40 : 1);
    block[i] = malloc(size[i]);
    victim_fill(block[i], size[i], i);
  }
  for (int i = 1; i < blocks; i += 3) free(block[i]);
  char *end = sbrk(0);
  victim_wait();
  CHECK(sbrk(0) == end, "the program break is %p, was %p", sbrk(0), end);
  for (int i = 0; i < blocks; i++)
    if (i % 3 != 1) CHECK(victim_filled(block[i], size[i], i), "block %d of %zu bytes", i, size[i]);
  for (int i = 1; i < blocks; i += 3) block[i] = malloc(size[i]);
  for (int i = 0; i < blocks; i++) block[i] = realloc(block[i], size[i] * 2 + 8);
  for (int i = 0; i < blocks; i++) {
    if (i % 3 != 1) CHECK(victim_filled(block[i], size[i], i), "block %d after realloc", i);
    free(block[i]);
  }
  malloc_trim(0);
  CHECK(sbrk(1 << 20) != (void *)-1, "sbrk: %s", strerror(errno));
  memset((char *)sbrk(0) - (1 << 20), 1, 1 << 20);
  CHECK(sbrk(-(1 << 20)) != (void *)-1);
  victim_pass();
}
