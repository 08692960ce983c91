// Mappings of a file: a shared one still writes to the file, a private one keeps its changes to itself, and a
// private one that was never touched shows what the file held.
#include "victim.h"

int main(void) {
  int file = MUST(open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0644));
  static char data[4 * PAGE];
  memset(data, 'a', sizeof data);
  MUST(write(file, data, sizeof data));
  char *shared = MUST(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  char *private = MUST(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0));
  char *untouched = MUST(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 3 * PAGE));
  private[0] = 'p';
  shared[PAGE] = 's';
  victim_wait();
  CHECK(private[0] == 'p' && shared[0] == 'a' && shared[PAGE] == 's' && private[2 * PAGE] == 'a');
  CHECK(untouched[0] == 'a' && untouched[PAGE - 1] == 'a');
  shared[2 * PAGE] = 't';
  MUST(msync(shared, 4 * PAGE, MS_SYNC));
  char byte;
  CHECK(pread(file, &byte, 1, 2 * PAGE) == 1 && byte == 't', "the shared mapping no longer reaches the file");
  CHECK(pread(file, &byte, 1, PAGE) == 1 && byte == 's');
  private[1] = 'q';
  CHECK(pread(file, &byte, 1, 1) == 1 && byte == 'a', "the private mapping writes to the file");
  MUST(pwrite(file, "w", 1, 10));
  CHECK(shared[10] == 'w', "the mapping does not see the file");
  victim_pass();
}
