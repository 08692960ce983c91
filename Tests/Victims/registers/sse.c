// A thread that spins with known values in xmm0-15 gets them back.
#include "victim.h"

enum { registers = 16, width = 16 };

// In: rdi the flag to watch, rsi the values, rdx where the results go.
__asm__(
    ".text\n"
    "spin_vector:\n"
    "  movdqu 0(%rsi), %xmm0\n"
    "  movdqu 16(%rsi), %xmm1\n"
    "  movdqu 32(%rsi), %xmm2\n"
    "  movdqu 48(%rsi), %xmm3\n"
    "  movdqu 64(%rsi), %xmm4\n"
    "  movdqu 80(%rsi), %xmm5\n"
    "  movdqu 96(%rsi), %xmm6\n"
    "  movdqu 112(%rsi), %xmm7\n"
    "  movdqu 128(%rsi), %xmm8\n"
    "  movdqu 144(%rsi), %xmm9\n"
    "  movdqu 160(%rsi), %xmm10\n"
    "  movdqu 176(%rsi), %xmm11\n"
    "  movdqu 192(%rsi), %xmm12\n"
    "  movdqu 208(%rsi), %xmm13\n"
    "  movdqu 224(%rsi), %xmm14\n"
    "  movdqu 240(%rsi), %xmm15\n"
    "1: pause\n"
    "  cmpl $0, (%rdi)\n"
    "  je 1b\n"
    "  movdqu %xmm0, 0(%rdx)\n"
    "  movdqu %xmm1, 16(%rdx)\n"
    "  movdqu %xmm2, 32(%rdx)\n"
    "  movdqu %xmm3, 48(%rdx)\n"
    "  movdqu %xmm4, 64(%rdx)\n"
    "  movdqu %xmm5, 80(%rdx)\n"
    "  movdqu %xmm6, 96(%rdx)\n"
    "  movdqu %xmm7, 112(%rdx)\n"
    "  movdqu %xmm8, 128(%rdx)\n"
    "  movdqu %xmm9, 144(%rdx)\n"
    "  movdqu %xmm10, 160(%rdx)\n"
    "  movdqu %xmm11, 176(%rdx)\n"
    "  movdqu %xmm12, 192(%rdx)\n"
    "  movdqu %xmm13, 208(%rdx)\n"
    "  movdqu %xmm14, 224(%rdx)\n"
    "  movdqu %xmm15, 240(%rdx)\n"
    "  ret\n");
void spin_vector(volatile int *flag, void *values, void *results);

static volatile int flag;
static unsigned char values[registers * width + 64], results[registers * width + 64];

static void *spin(void *unused) {
  spin_vector(&flag, values, results);
  return unused;
}

int main(void) {
  victim_fill(values, sizeof values, 16);
  pthread_t thread;
  pthread_create(&thread, NULL, spin, NULL);
  victim_wait();
  flag = 1;
  pthread_join(thread, NULL);
  for (int i = 0; i < registers; i++)
    CHECK(!memcmp(values + i * width, results + i * width, width), "xmm%d changed", i);
  victim_pass();
}
