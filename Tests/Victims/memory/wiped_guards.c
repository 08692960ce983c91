// Memory under MADV_WIPEONFORK and MAP_DROPPABLE: what is in it, and guard pages in it.
#include <setjmp.h>
#include "victim.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

static sigjmp_buf back;
static void fault(int signal) { siglongjmp(back, signal); }

static bool can_read(volatile char *place) {
  if (sigsetjmp(back, 1)) return false;
  (void)*place;
  return true;
}

static bool has_flag(const void *place, const char *flag) {
  char *text = victim_slurp("/proc/self/smaps", NULL), head[40];
  snprintf(head, sizeof head, "%lx-", (unsigned long)place);
  char *entry = strstr(text, head), *flags = entry ? strstr(entry, "VmFlags:") : NULL;
  if (flags) *strchr(flags, '\n') = 0;
  bool has = flags && strstr(flags, flag);
  free(text);
  return has;
}

int main(void) {
  signal(SIGSEGV, fault);
  char *wiped = MUST(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (madvise(wiped + 4 * PAGE, 4 * PAGE, MADV_GUARD_INSTALL)) SKIP("no guard pages");
  MUST(madvise(wiped, 16 * PAGE, MADV_WIPEONFORK));
  char *droppable = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, 0x08 /* MAP_DROPPABLE */ | MAP_ANONYMOUS, -1, 0);
  bool drops = droppable != MAP_FAILED && has_flag(droppable, " dp");
  CHECK(!can_read(wiped + 5 * PAGE) && can_read(wiped));
  victim_wait();
  for (int i = 4; i < 8; i++) CHECK(!can_read(wiped + i * PAGE), "guard page %d is gone", i);
  CHECK(can_read(wiped + 3 * PAGE) && can_read(wiped + 8 * PAGE));
  CHECK(has_flag(wiped, " wf"), "it is no longer wiped on fork");
  if (drops) {
    CHECK(can_read(droppable));
    CHECK(has_flag(droppable, " dp"), "it is no longer droppable");
  }
  victim_pass();
}
