// Guard regions of MADV_GUARD_INSTALL (Linux 6.13) still fault, their neighbours are whole, and a guard can be
// taken away. Reading such a page through the kernel gives EFAULT, which must not stop a checkpoint.
#include <setjmp.h>
#include "victim.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif
static sigjmp_buf back;
static void on_fault(int number) { siglongjmp(back, number); }
static bool faults(volatile char *address) {
  if (sigsetjmp(back, 1)) return true;
  (void)*address;
  return false;
}

int main(void) {
  struct sigaction action = {.sa_handler = on_fault};
  sigaction(SIGSEGV, &action, NULL);
  char *start = MUST(mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  victim_fill(start, 6 * PAGE, 1);
  if (madvise(start + 2 * PAGE, PAGE, MADV_GUARD_INSTALL)) SKIP("no guard regions: %s", strerror(errno));
  CHECK(faults(start + 2 * PAGE));
  victim_wait();
  CHECK(faults(start + 2 * PAGE), "the guard is gone");
  CHECK(victim_filled(start, 2 * PAGE, 1), "memory below the guard changed");
  CHECK(victim_filled(start + 3 * PAGE, 3 * PAGE, 1 + 3 * PAGE / 8), "memory above the guard changed");
  CHECK(madvise(start + 2 * PAGE, PAGE, MADV_GUARD_REMOVE) == 0);
  CHECK(!faults(start + 2 * PAGE) && start[2 * PAGE] == 0);
  victim_pass();
}
