// A thread that spins with known values in zmm0-31 and k1-7 gets them back.
#include "victim.h"

enum { registers = 32, width = 64 };

// In: rdi the flag to watch, rsi the values, rdx where the results go.
__asm__(
    ".text\n"
    "spin_vector:\n"
    "  vmovdqu64 0(%rsi), %zmm0\n"
    "  vmovdqu64 64(%rsi), %zmm1\n"
    "  vmovdqu64 128(%rsi), %zmm2\n"
    "  vmovdqu64 192(%rsi), %zmm3\n"
    "  vmovdqu64 256(%rsi), %zmm4\n"
    "  vmovdqu64 320(%rsi), %zmm5\n"
    "  vmovdqu64 384(%rsi), %zmm6\n"
    "  vmovdqu64 448(%rsi), %zmm7\n"
    "  vmovdqu64 512(%rsi), %zmm8\n"
    "  vmovdqu64 576(%rsi), %zmm9\n"
    "  vmovdqu64 640(%rsi), %zmm10\n"
    "  vmovdqu64 704(%rsi), %zmm11\n"
    "  vmovdqu64 768(%rsi), %zmm12\n"
    "  vmovdqu64 832(%rsi), %zmm13\n"
    "  vmovdqu64 896(%rsi), %zmm14\n"
    "  vmovdqu64 960(%rsi), %zmm15\n"
    "  vmovdqu64 1024(%rsi), %zmm16\n"
    "  vmovdqu64 1088(%rsi), %zmm17\n"
    "  vmovdqu64 1152(%rsi), %zmm18\n"
    "  vmovdqu64 1216(%rsi), %zmm19\n"
    "  vmovdqu64 1280(%rsi), %zmm20\n"
    "  vmovdqu64 1344(%rsi), %zmm21\n"
    "  vmovdqu64 1408(%rsi), %zmm22\n"
    "  vmovdqu64 1472(%rsi), %zmm23\n"
    "  vmovdqu64 1536(%rsi), %zmm24\n"
    "  vmovdqu64 1600(%rsi), %zmm25\n"
    "  vmovdqu64 1664(%rsi), %zmm26\n"
    "  vmovdqu64 1728(%rsi), %zmm27\n"
    "  vmovdqu64 1792(%rsi), %zmm28\n"
    "  vmovdqu64 1856(%rsi), %zmm29\n"
    "  vmovdqu64 1920(%rsi), %zmm30\n"
    "  vmovdqu64 1984(%rsi), %zmm31\n"
    "  kmovq 2048(%rsi), %k1\n"
    "  kmovq 2056(%rsi), %k2\n"
    "  kmovq 2064(%rsi), %k3\n"
    "  kmovq 2072(%rsi), %k4\n"
    "  kmovq 2080(%rsi), %k5\n"
    "  kmovq 2088(%rsi), %k6\n"
    "  kmovq 2096(%rsi), %k7\n"
    "1: pause\n"
    "  cmpl $0, (%rdi)\n"
    "  je 1b\n"
    "  vmovdqu64 %zmm0, 0(%rdx)\n"
    "  vmovdqu64 %zmm1, 64(%rdx)\n"
    "  vmovdqu64 %zmm2, 128(%rdx)\n"
    "  vmovdqu64 %zmm3, 192(%rdx)\n"
    "  vmovdqu64 %zmm4, 256(%rdx)\n"
    "  vmovdqu64 %zmm5, 320(%rdx)\n"
    "  vmovdqu64 %zmm6, 384(%rdx)\n"
    "  vmovdqu64 %zmm7, 448(%rdx)\n"
    "  vmovdqu64 %zmm8, 512(%rdx)\n"
    "  vmovdqu64 %zmm9, 576(%rdx)\n"
    "  vmovdqu64 %zmm10, 640(%rdx)\n"
    "  vmovdqu64 %zmm11, 704(%rdx)\n"
    "  vmovdqu64 %zmm12, 768(%rdx)\n"
    "  vmovdqu64 %zmm13, 832(%rdx)\n"
    "  vmovdqu64 %zmm14, 896(%rdx)\n"
    "  vmovdqu64 %zmm15, 960(%rdx)\n"
    "  vmovdqu64 %zmm16, 1024(%rdx)\n"
    "  vmovdqu64 %zmm17, 1088(%rdx)\n"
    "  vmovdqu64 %zmm18, 1152(%rdx)\n"
    "  vmovdqu64 %zmm19, 1216(%rdx)\n"
    "  vmovdqu64 %zmm20, 1280(%rdx)\n"
    "  vmovdqu64 %zmm21, 1344(%rdx)\n"
    "  vmovdqu64 %zmm22, 1408(%rdx)\n"
    "  vmovdqu64 %zmm23, 1472(%rdx)\n"
    "  vmovdqu64 %zmm24, 1536(%rdx)\n"
    "  vmovdqu64 %zmm25, 1600(%rdx)\n"
    "  vmovdqu64 %zmm26, 1664(%rdx)\n"
    "  vmovdqu64 %zmm27, 1728(%rdx)\n"
    "  vmovdqu64 %zmm28, 1792(%rdx)\n"
    "  vmovdqu64 %zmm29, 1856(%rdx)\n"
    "  vmovdqu64 %zmm30, 1920(%rdx)\n"
    "  vmovdqu64 %zmm31, 1984(%rdx)\n"
    "  kmovq %k1, 2048(%rdx)\n"
    "  kmovq %k2, 2056(%rdx)\n"
    "  kmovq %k3, 2064(%rdx)\n"
    "  kmovq %k4, 2072(%rdx)\n"
    "  kmovq %k5, 2080(%rdx)\n"
    "  kmovq %k6, 2088(%rdx)\n"
    "  kmovq %k7, 2096(%rdx)\n"
    "  ret\n");
void spin_vector(volatile int *flag, void *values, void *results);

static volatile int flag;
static unsigned char values[registers * width + 64], results[registers * width + 64];

static void *spin(void *unused) {
  spin_vector(&flag, values, results);
  return unused;
}

int main(void) {
  if (!__builtin_cpu_supports("avx512bw")) SKIP("no AVX-512BW");
  victim_fill(values, sizeof values, 64);
  pthread_t thread;
  pthread_create(&thread, NULL, spin, NULL);
  victim_wait();
  flag = 1;
  pthread_join(thread, NULL);
  for (int i = 0; i < registers; i++)
    CHECK(!memcmp(values + i * width, results + i * width, width), "zmm%d changed", i);
  CHECK(!memcmp(values + 2048, results + 2048, 56), "a mask register changed");
  victim_pass();
}
