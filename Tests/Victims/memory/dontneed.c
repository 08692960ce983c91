// Anonymous memory is still anonymous after the restart: MADV_DONTNEED gives zeros, not the image's bytes
// again. The same for the heap, the stack's lower part and .bss.
#include "victim.h"

static char bss[16 * PAGE] __attribute__((aligned(4096)));

static void drop(const char *what, char *start) {
  CHECK(victim_filled(start, 8 * PAGE, 3), "%s changed", what);
  CHECK(madvise(start, 8 * PAGE, MADV_DONTNEED) == 0, "%s: %s", what, strerror(errno));
  for (size_t i = 0; i < 8 * PAGE; i++) CHECK(start[i] == 0, "%s: byte %zu is %d after MADV_DONTNEED", what, i, start[i]);
}

int main(void) {
  char *anonymous = MUST(mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  char *heap = (char *)(((uintptr_t)sbrk(9 * PAGE) + PAGE - 1) & -PAGE);
  char stack[9 * PAGE], *on_stack = (char *)(((uintptr_t)stack + PAGE - 1) & -PAGE);
  victim_fill(anonymous, 8 * PAGE, 3);
  victim_fill(heap, 8 * PAGE, 3);
  victim_fill(bss, 8 * PAGE, 3);
  victim_fill(on_stack, 8 * PAGE, 3);
  victim_wait();
  drop("anonymous memory", anonymous);
  drop("the heap", heap);
  drop("bss", bss);
  drop("the stack", on_stack);
  victim_pass();
}
