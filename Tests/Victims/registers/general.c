// A thread that spins with a known value in every general register, in the red zone and with the direction
// flag set gets all of them back: the kernel's signal frame is the register file.
#include "victim.h"

// In: rdi the flag to watch and one to set when all registers are loaded, rsi 16 words of values, rdx 16 words to fill.
__asm__(
    ".text\n"
    "spin_general:\n"
    "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "  push %rdx; push %rdi\n"
    "  mov (%rsp), %rdi\n"                     // rdi stays the flag's address
    "  mov 0(%rsi), %rax; mov 8(%rsi), %rbx; mov 16(%rsi), %rcx; mov 24(%rsi), %rdx\n"
    "  mov 32(%rsi), %rbp; mov 40(%rsi), %r8; mov 48(%rsi), %r9; mov 56(%rsi), %r10\n"
    "  mov 64(%rsi), %r11; mov 72(%rsi), %r12; mov 80(%rsi), %r13; mov 88(%rsi), %r14\n"
    "  mov 96(%rsi), %r15; mov 104(%rsi), %rsi\n"
    "  mov %rsi, -128(%rsp); mov %r15, -8(%rsp)\n"
    "  std\n"
    "  movl $1, 4(%rdi)\n"
    "1: pause\n"
    "  cmpl $0, (%rdi)\n"
    "  je 1b\n"
    "  mov %rsi, -64(%rsp)\n"
    "  mov 8(%rsp), %rsi\n"                    // rsi: where the results go
    "  mov %rax, 0(%rsi); mov %rbx, 8(%rsi); mov %rcx, 16(%rsi); mov %rdx, 24(%rsi)\n"
    "  mov %rbp, 32(%rsi); mov %r8, 40(%rsi); mov %r9, 48(%rsi); mov %r10, 56(%rsi)\n"
    "  mov %r11, 64(%rsi); mov %r12, 72(%rsi); mov %r13, 80(%rsi); mov %r14, 88(%rsi)\n"
    "  mov %r15, 96(%rsi)\n"
    "  mov -64(%rsp), %rax; mov %rax, 104(%rsi)\n"
    "  mov -128(%rsp), %rax; mov %rax, 112(%rsi)\n"
    "  mov -8(%rsp), %rax; mov %rax, 120(%rsi)\n"
    "  pushfq; pop %rax; mov %rax, 128(%rsi)\n"
    "  cld\n"
    "  pop %rdi; pop %rdx; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "  ret\n");
void spin_general(volatile int *flag, uint64_t *values, uint64_t *results);

static volatile int flag[2];
static uint64_t values[16], results[17];

static void *spin(void *unused) {
  spin_general(flag, values, results);
  return unused;
}

int main(void) {
  for (int i = 0; i < 16; i++) values[i] = 0x1111111111111111ull * i ^ 0xfedcba9876543210ull;
  pthread_t thread;
  pthread_create(&thread, NULL, spin, NULL);
  while (!flag[1]) sched_yield();
  victim_wait();
  flag[0] = 1;
  pthread_join(thread, NULL);
  for (int i = 0; i < 14; i++)
    CHECK(results[i] == values[i], "register %d is %lx, was %lx", i, results[i], values[i]);
  CHECK(results[14] == values[13], "the far end of the red zone changed");
  CHECK(results[15] == values[12], "the near end of the red zone changed");
  CHECK(results[16] & 0x400, "the direction flag is gone");
  victim_pass();
}
