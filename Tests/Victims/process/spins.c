// Does nothing but wait, in one thread: for tests of the driver that need any program at all. With an argument
// it holds that many MiB of memory that doesn't compress.
#include "victim.h"

int main(int count, char **arguments) {
  size_t size = count > 1 ? strtoul(arguments[1], NULL, 10) << 20 : 0;
  uint64_t *memory = size ? MUST(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) : NULL;
  if (size) victim_fill(memory, size, 1);
  victim_wait();
  if (size) CHECK(victim_filled(memory, size, 1));
  victim_pass();
}
