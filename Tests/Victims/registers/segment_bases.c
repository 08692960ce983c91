// The fs and gs bases of every thread are kept: fs holds thread-local storage, gs is the program's own (set
// here by arch_prctl in the main thread and by wrgsbase in another, where the kernel allows it).
#include <sys/auxv.h>
#include "victim.h"

// From the kernel's asm/prctl.h, which musl-gcc does not see.
enum { ARCH_SET_GS = 0x1001, ARCH_GET_FS = 0x1003 };

static __thread uint64_t local = 1;
static uint64_t slot[2] = {0xaaaa, 0xbbbb};
static volatile int flag;
static int failed;

static uint64_t through_gs(void) {
  uint64_t value;
  __asm__ volatile("movq %%gs:0, %0" : "=r"(value));
  return value;
}

static void *other(void *unused) {
  local = 2;
  if (getauxval(AT_HWCAP2) & 2)
    __asm__ volatile("wrgsbase %0" ::"r"(&slot[1]));
  else
    syscall(SYS_arch_prctl, ARCH_SET_GS, &slot[1]);
  uint64_t fs_before = 0, fs_after = 1;
  syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_before);
  while (!flag) __builtin_ia32_pause();
  syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_after);
  if (through_gs() != 0xbbbb || fs_before != fs_after || local != 2) failed = 1;
  return unused;
}

int main(void) {
  syscall(SYS_arch_prctl, ARCH_SET_GS, &slot[0]);
  pthread_t thread;
  pthread_create(&thread, NULL, other, NULL);
  victim_wait();
  flag = 1;
  pthread_join(thread, NULL);
  CHECK(!failed, "the other thread's fs or gs base changed");
  CHECK(through_gs() == 0xaaaa, "the main thread's gs base changed");
  CHECK(local == 1, "the main thread's fs base changed");
  victim_pass();
}
