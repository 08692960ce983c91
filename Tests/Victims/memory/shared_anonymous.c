// MAP_SHARED anonymous memory stays shared: with children made after the restart, and between two mappings of
// the same pages (made by mremap with an old size of 0).
#include "victim.h"

int main(void) {
  char *one = MUST(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  victim_fill(one, 16 * PAGE, 5);
  char *two = MUST(mremap(one, 0, 16 * PAGE, MREMAP_MAYMOVE));
  victim_wait();
  CHECK(victim_filled(one, 16 * PAGE, 5) && victim_filled(two, 16 * PAGE, 5), "contents changed");
  two[PAGE] = 77;
  CHECK(one[PAGE] == 77, "the two mappings fell apart");
  if (fork() == 0) {
    one[2 * PAGE] = 78;
    _exit(0);
  }
  wait(NULL);
  CHECK(two[2 * PAGE] == 78, "no longer shared with a child");
  victim_pass();
}
