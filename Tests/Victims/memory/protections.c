// Protection is kept: a read-only region faults on a write, PROT_NONE on any access, no-exec memory can't be
// run and executable memory can; and each still holds what it held.
#include <setjmp.h>
#include "victim.h"

static sigjmp_buf back;
static void on_fault(int number) { siglongjmp(back, number); }

#define FAULTS(access) ({ int signal_ = sigsetjmp(back, 1); if (!signal_) { access; } signal_ == SIGSEGV; })

static char *region(int protection) {
  char *page = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  memcpy(page, "\xb8\x2a\x00\x00\x00\xc3", 6);  // mov $42, %eax; ret
  MUST(mprotect(page, PAGE, protection));
  return page;
}

static void check(char *none, char *read, char *write, char *run, char *all) {
  CHECK(FAULTS(*(volatile char *)none), "PROT_NONE can be read");
  CHECK(FAULTS(*(volatile char *)read = 1), "read-only memory can be written");
  CHECK(FAULTS(((int (*)(void))write)()), "writable memory can be run");
  CHECK(!FAULTS(*(volatile char *)write = '\xb8'));
  CHECK(((int (*)(void))run)() == 42);
  CHECK(FAULTS(*(volatile char *)run = 1), "code can be written");
  CHECK(((int (*)(void))all)() == 42);
}

int main(void) {
  struct sigaction action = {.sa_handler = on_fault};
  sigaction(SIGSEGV, &action, NULL);
  char *none = region(PROT_NONE), *read = region(PROT_READ), *write = region(PROT_READ | PROT_WRITE);
  char *run = region(PROT_READ | PROT_EXEC), *all = region(PROT_READ | PROT_WRITE | PROT_EXEC);
  check(none, read, write, run, all);
  victim_wait();
  check(none, read, write, run, all);
  MUST(mprotect(none, PAGE, PROT_READ | PROT_EXEC));
  CHECK(((int (*)(void))none)() == 42, "memory behind PROT_NONE was lost");
  CHECK(!memcmp(read, run, PAGE));
  victim_pass();
}
