// A memfd and its shared mapping are still the same memory: what is written through one shows in the other,
// also in the part beyond the mapping.
#include "victim.h"

int main(void) {
  int file = MUST(memfd_create("shared", MFD_CLOEXEC));
  MUST(ftruncate(file, 8 * PAGE));
  char *start = MUST(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  victim_fill(start, 4 * PAGE, 9);
  MUST(pwrite(file, "beyond", 6, 7 * PAGE));
  victim_wait();
  CHECK(victim_filled(start, 4 * PAGE, 9), "contents changed");
  char text[7] = "";
  CHECK(pread(file, text, 6, 7 * PAGE) == 6 && !strcmp(text, "beyond"));
  CHECK(lseek(file, 0, SEEK_END) == 8 * (off_t)PAGE);
  CHECK(pwrite(file, "x", 1, 5) == 1 && start[5] == 'x', "the mapping does not see the descriptor");
  start[6] = 'y';
  CHECK(pread(file, text, 1, 6) == 1 && text[0] == 'y', "the descriptor does not see the mapping");
  victim_pass();
}
