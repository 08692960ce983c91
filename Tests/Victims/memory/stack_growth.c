// The main stack grows after the restart far below where it was, and so does a MAP_GROWSDOWN region of the
// program's own. (Run with the usual limit of 8 MiB.)
#include "victim.h"

// Each level takes a page.
static long recurse(long depth) {
  volatile char page[PAGE];
  page[0] = depth;
  page[PAGE - 1] = depth;
  return depth == 0 ? 0 : recurse(depth - 1) + (page[0] == (char)depth && page[PAGE - 1] == (char)depth);
}

int main(void) {
  // Room for growing is what lies free below the region: take a large one and give most of it back.
  char *room = MUST(mmap(NULL, 1024 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  char *top = room + 1024 * PAGE;
  MUST(munmap(room, 1024 * PAGE));
  char *grows = MUST(mmap(top - 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1, 0));
  grows[0] = 'g';
  CHECK(recurse(20) == 20);
  victim_wait();
  CHECK(recurse(1500) == 1500, "deep recursion went wrong");
  CHECK(grows[0] == 'g');
  for (char *p = grows; p > top - 300 * PAGE; p -= PAGE) *p = 'd';
  victim_pass();
}
