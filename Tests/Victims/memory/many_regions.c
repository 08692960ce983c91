// Twenty thousand regions, each with its own contents and every second one read-only: nothing counts regions.
#include "victim.h"

int main(void) {
  size_t count = 20000;
  char *start = MUST(mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (size_t i = 0; i < count; i++) {
    *(size_t *)(start + i * PAGE + 8) = i;
    if (i % 2) MUST(mprotect(start + i * PAGE, PAGE, PROT_READ));
  }
  victim_wait();
  for (size_t i = 0; i < count; i++)
    CHECK(*(size_t *)(start + i * PAGE + 8) == i && *(size_t *)(start + i * PAGE) == 0, "region %zu", i);
  victim_pass();
}
