// A thread that spins with known values in ymm0-15 gets their upper halves back too: they lie in the
// extended part of the signal frame.
#include "victim.h"

enum { registers = 16, width = 32 };

// In: rdi the flag to watch, rsi the values, rdx where the results go.
__asm__(
    ".text\n"
    "spin_vector:\n"
    "  vmovdqu 0(%rsi), %ymm0\n"
    "  vmovdqu 32(%rsi), %ymm1\n"
    "  vmovdqu 64(%rsi), %ymm2\n"
    "  vmovdqu 96(%rsi), %ymm3\n"
    "  vmovdqu 128(%rsi), %ymm4\n"
    "  vmovdqu 160(%rsi), %ymm5\n"
    "  vmovdqu 192(%rsi), %ymm6\n"
    "  vmovdqu 224(%rsi), %ymm7\n"
    "  vmovdqu 256(%rsi), %ymm8\n"
    "  vmovdqu 288(%rsi), %ymm9\n"
    "  vmovdqu 320(%rsi), %ymm10\n"
    "  vmovdqu 352(%rsi), %ymm11\n"
    "  vmovdqu 384(%rsi), %ymm12\n"
    "  vmovdqu 416(%rsi), %ymm13\n"
    "  vmovdqu 448(%rsi), %ymm14\n"
    "  vmovdqu 480(%rsi), %ymm15\n"
    "1: pause\n"
    "  cmpl $0, (%rdi)\n"
    "  je 1b\n"
    "  vmovdqu %ymm0, 0(%rdx)\n"
    "  vmovdqu %ymm1, 32(%rdx)\n"
    "  vmovdqu %ymm2, 64(%rdx)\n"
    "  vmovdqu %ymm3, 96(%rdx)\n"
    "  vmovdqu %ymm4, 128(%rdx)\n"
    "  vmovdqu %ymm5, 160(%rdx)\n"
    "  vmovdqu %ymm6, 192(%rdx)\n"
    "  vmovdqu %ymm7, 224(%rdx)\n"
    "  vmovdqu %ymm8, 256(%rdx)\n"
    "  vmovdqu %ymm9, 288(%rdx)\n"
    "  vmovdqu %ymm10, 320(%rdx)\n"
    "  vmovdqu %ymm11, 352(%rdx)\n"
    "  vmovdqu %ymm12, 384(%rdx)\n"
    "  vmovdqu %ymm13, 416(%rdx)\n"
    "  vmovdqu %ymm14, 448(%rdx)\n"
    "  vmovdqu %ymm15, 480(%rdx)\n"
    "  ret\n");
void spin_vector(volatile int *flag, void *values, void *results);

static volatile int flag;
static unsigned char values[registers * width + 64], results[registers * width + 64];

static void *spin(void *unused) {
  spin_vector(&flag, values, results);
  return unused;
}

int main(void) {
  if (!__builtin_cpu_supports("avx")) SKIP("no AVX");
  victim_fill(values, sizeof values, 32);
  pthread_t thread;
  pthread_create(&thread, NULL, spin, NULL);
  victim_wait();
  flag = 1;
  pthread_join(thread, NULL);
  for (int i = 0; i < registers; i++)
    CHECK(!memcmp(values + i * width, results + i * width, width), "ymm%d changed", i);
  victim_pass();
}
