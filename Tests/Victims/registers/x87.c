// The x87 stack with its control word and MXCSR are kept: a thread spins with three values on the x87 stack,
// rounding towards zero in both units and one SSE exception unmasked.
#include "victim.h"

// In: rdi the flag to watch, rsi four words of 80-bit room. The values stay on the x87 stack while it spins.
__asm__(
    ".text\n"
    "spin_x87:\n"
    "  fldpi; fldl2e; fldlg2\n"
    "1: pause\n"
    "  cmpl $0, (%rdi)\n"
    "  je 1b\n"
    "  fstpt 0(%rsi); fstpt 16(%rsi); fstpt 32(%rsi)\n"
    "  fnstcw 48(%rsi); fnstsw 50(%rsi); stmxcsr 52(%rsi)\n"
    "  ret\n");
struct results {
  struct { unsigned char bytes[16]; } value[3];
  uint16_t control, status;
  uint32_t mxcsr;
};
void spin_x87(volatile int *flag, struct results *);

static volatile int flag, no_wait = 1;
static struct results before, after;

static void *spin(void *unused) {
  uint16_t control = 0x0f7f;  // round towards zero, 64-bit mantissa
  uint32_t mxcsr = 0x7f80 & ~0x0200;  // round towards zero, division by zero unmasked
  __asm__ volatile("fninit; fldcw %0; ldmxcsr %1" ::"m"(control), "m"(mxcsr));
  spin_x87(&no_wait, &before);
  spin_x87(&flag, &after);
  return unused;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, spin, NULL);
  victim_wait();
  flag = 1;
  pthread_join(thread, NULL);
  for (int i = 0; i < 3; i++) CHECK(!memcmp(&before.value[i], &after.value[i], 10), "x87 value %d", i);
  CHECK(after.control == 0x0f7f, "x87 control word is %x", after.control);
  CHECK(after.status == before.status, "x87 status %x, was %x", after.status, before.status);
  CHECK(after.mxcsr == before.mxcsr && (after.mxcsr & 0x6000) == 0x6000, "MXCSR is %x", after.mxcsr);
  victim_pass();
}
