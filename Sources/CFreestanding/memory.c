// The functions that the compiler calls behind our back, in programs that link no libc. C: Swift
// can't define memcpy without the optimiser turning its loop into a call of memcpy. `rep movsb`
// and `rep stosb` are what the CPU does fastest for long blocks, and need no vector registers.
#include <stddef.h>

void *memset(void *destination, int byte, size_t count) {
  void *to = destination;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(byte) : "memory");
  return destination;
}

void *memcpy(void *restrict destination, const void *restrict source, size_t count) {
  void *to = destination;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(source), "+c"(count) : : "memory");
  return destination;
}

void *memmove(void *destination, const void *source, size_t count) {
  unsigned char *to = destination;
  const unsigned char *from = source;
  if (to <= from || to >= from + count) return memcpy(destination, source, count);
  while (count--) to[count] = from[count];
  return destination;
}

int memcmp(const void *left, const void *right, size_t count) {
  const unsigned char *a = left, *b = right;
  for (; count; count--, a++, b++)
    if (*a != *b) return *a < *b ? -1 : 1;
  return 0;
}

// Referenced by print in debug builds of the standard library; nothing of ours prints this way.
int putchar(int character) { return character; }
