// Protection that changes before anyone has looked: none, read-only, read-only since before the checkpoint.
#include <setjmp.h>

#include "lazy.h"

static sigjmp_buf back;
static void caught(int signal) { siglongjmp(back, signal); }

int main(void) {
  char *start = lazy_large(LARGE, 3), *fixed = lazy_large(LARGE, 4), *none = lazy_large(LARGE, 5);
  MUST(mprotect(fixed, LARGE, PROT_READ));
  MUST(mprotect(none, LARGE, PROT_NONE));
  signal(SIGSEGV, caught);
  victim_wait();
  CHECK(lazy_is(fixed + (1 << 20), 1 << 20, 4 << 20, 4), "read-only memory");
  CHECK(mprotect(start + (2 << 20), 4 << 20, PROT_NONE) == 0, "%s", strerror(errno));
  if (sigsetjmp(back, 1) == 0) {
    *(volatile char *)(start + (3 << 20)) = 1;
    FAIL("memory without access can be written");
  }
  if (sigsetjmp(back, 1) == 0) {
    *(volatile char *)(fixed + (9 << 20)) = 1;
    FAIL("read-only memory can be written");
  }
  CHECK(mprotect(start + (2 << 20), 4 << 20, PROT_READ) == 0, "%s", strerror(errno));
  CHECK(lazy_is(start, 0, LARGE, 3), "memory that had no access for a while");
  CHECK(mprotect(none, LARGE, PROT_READ | PROT_WRITE) == 0, "%s", strerror(errno));
  none[0] ^= 1, none[0] ^= 1;
  CHECK(lazy_is(none, 0, LARGE, 5), "memory that had no access when it was saved");
  CHECK(lazy_is(fixed, 0, LARGE, 4), "read-only memory");
  victim_pass();
}
