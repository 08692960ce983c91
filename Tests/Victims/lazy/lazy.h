// What the victims of lazy restarts share: much memory that nobody has touched since the restart.
#ifndef LAZY_H
#define LAZY_H

#include "victim.h"

#define LARGE (16ul << 20)

// Fresh anonymous memory of `size` bytes, filled so that each word says where it is.
__attribute__((unused)) static char *lazy_large(size_t size, uint64_t seed) {
  char *start = MUST(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  victim_fill(start, size, seed);
  return start;
}

// Whether `size` bytes at `now` are those that lay `offset` bytes into memory filled with `seed`.
__attribute__((unused)) static bool lazy_is(const void *now, size_t offset, size_t size, uint64_t seed) {
  return victim_filled(now, size, seed + offset / 8);
}

__attribute__((unused)) static bool lazy_is_zero(const void *start, size_t size) {
  const uint64_t *word = start;
  for (size_t i = 0; i < size / 8; i++)
    if (word[i]) return false;
  return true;
}

#endif
