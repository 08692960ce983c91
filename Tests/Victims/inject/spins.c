// The main thread spins with a known value in every general register, in the red zone, in the vector registers,
// and with flags set: the thread that is made to load the agent must find all of it as it was. No system call is
// made meanwhile. Another thread waits for the driver's word.
#include "victim.h"

// rdi: the flag to watch, and one behind it to set when all is loaded; rsi: 16 words; rdx: 17 + 64 words to fill.
__asm__(
    ".text\n"
    "spin_all:\n"
    "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rdx\n"
    "  movups 0(%rsi), %xmm0; movups 16(%rsi), %xmm1; movups 32(%rsi), %xmm2; movups 48(%rsi), %xmm3\n"
    "  movups 64(%rsi), %xmm4; movups 80(%rsi), %xmm5; movups 96(%rsi), %xmm6; movups 8(%rsi), %xmm7\n"
    "  movups 24(%rsi), %xmm8; movups 40(%rsi), %xmm9; movups 56(%rsi), %xmm10; movups 72(%rsi), %xmm11\n"
    "  movups 88(%rsi), %xmm12; movups 4(%rsi), %xmm13; movups 12(%rsi), %xmm14; movups 20(%rsi), %xmm15\n"
    "  fldpi\n"
    "  mov 0(%rsi), %rax; mov 8(%rsi), %rbx; mov 16(%rsi), %rcx; mov 24(%rsi), %rdx\n"
    "  mov 32(%rsi), %rbp; mov 40(%rsi), %r8; mov 48(%rsi), %r9; mov 56(%rsi), %r10\n"
    "  mov 64(%rsi), %r11; mov 72(%rsi), %r12; mov 80(%rsi), %r13; mov 88(%rsi), %r14\n"
    "  mov 96(%rsi), %r15; mov 104(%rsi), %rsi\n"
    "  mov %rsi, -128(%rsp); mov %r15, -8(%rsp)\n"
    "  std; stc\n"
    "  movl $1, 4(%rdi)\n"
    "1: pause\n"
    "  mov (%rdi), %ebx\n"                     // no flag is touched: jrcxz looks at rcx alone
    "  mov %rcx, -16(%rsp)\n"
    "  mov %rbx, %rcx\n"
    "  jrcxz 2f\n"
    "  jmp 3f\n"
    "2: mov -16(%rsp), %rcx\n"
    "  jmp 1b\n"
    "3: mov -16(%rsp), %rcx\n"
    "  mov %rsi, -64(%rsp)\n"
    "  mov (%rsp), %rsi\n"
    "  mov %rax, 0(%rsi); mov %rcx, 16(%rsi); mov %rdx, 24(%rsi)\n"
    "  mov %rbp, 32(%rsi); mov %r8, 40(%rsi); mov %r9, 48(%rsi); mov %r10, 56(%rsi)\n"
    "  mov %r11, 64(%rsi); mov %r12, 72(%rsi); mov %r13, 80(%rsi); mov %r14, 88(%rsi)\n"
    "  mov %r15, 96(%rsi)\n"
    "  mov -64(%rsp), %rax; mov %rax, 104(%rsi)\n"
    "  mov -128(%rsp), %rax; mov %rax, 112(%rsi)\n"
    "  mov -8(%rsp), %rax; mov %rax, 120(%rsi)\n"
    "  pushfq; pop %rax; mov %rax, 128(%rsi)\n"
    "  cld\n"
    "  movups %xmm0, 136(%rsi); movups %xmm1, 152(%rsi); movups %xmm2, 168(%rsi); movups %xmm3, 184(%rsi)\n"
    "  movups %xmm4, 200(%rsi); movups %xmm5, 216(%rsi); movups %xmm6, 232(%rsi); movups %xmm7, 248(%rsi)\n"
    "  movups %xmm8, 264(%rsi); movups %xmm9, 280(%rsi); movups %xmm10, 296(%rsi); movups %xmm11, 312(%rsi)\n"
    "  movups %xmm12, 328(%rsi); movups %xmm13, 344(%rsi); movups %xmm14, 360(%rsi); movups %xmm15, 376(%rsi)\n"
    "  fstpl 392(%rsi)\n"
    "  pop %rdx; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "  ret\n");
void spin_all(volatile int *flag, const uint64_t *values, uint64_t *results);

static volatile int flag[2];
static uint64_t values[17], results[50];

static void *watch(void *unused) {
  while (!flag[1]) victim_doze();
  victim_wait();
  flag[0] = 1;
  return unused;
}

int main(void) {
  for (int i = 0; i < 17; i++) values[i] = 0x1111111111111111ull * i ^ 0xfedcba9876543210ull;
  pthread_t thread;
  pthread_create(&thread, NULL, watch, NULL);
  spin_all(flag, values, results);
  for (int i = 0; i < 14; i++)
    if (i != 1) CHECK(results[i] == values[i], "register %d is %lx, was %lx", i, results[i], values[i]);
  CHECK(results[14] == values[13], "the far end of the red zone changed");
  CHECK(results[15] == values[12], "the near end of the red zone changed");
  CHECK((results[16] & 0x401) == 0x401, "the flags are %lx", results[16]);
  static const int from[16] = {0, 16, 32, 48, 64, 80, 96, 8, 24, 40, 56, 72, 88, 4, 12, 20};
  for (int i = 0; i < 16; i++)
    CHECK(!memcmp(&results[17 + 2 * i], (char *)values + from[i], 16), "vector register %d changed", i);
  double pi;
  memcpy(&pi, &results[49], 8);
  CHECK(pi > 3.14159265 && pi < 3.14159266, "the x87 stack changed");
  pthread_join(thread, NULL);
  victim_pass();
}
