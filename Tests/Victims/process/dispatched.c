// dispatched: has its system calls sent to a handler of its own (Syscall User Dispatch) while a byte says so, as emulators do. A checkpoint's
// calls must not end up there.
#include "victim.h"

#include <sys/prctl.h>
#include <ucontext.h>

static volatile char gate;
static volatile long dispatched, strange;

static void on_call(int signal, siginfo_t *info, void *context) {
  (void)signal;
  ucontext_t *state = context;
  gate = 0;
  if (info->si_syscall == 500) dispatched++; else strange++;
  state->uc_mcontext.gregs[REG_RAX] = 4242;
}

static long foreign(void) {
  long result;
  gate = 1;
  __asm__ volatile("syscall" : "=a"(result) : "a"(500) : "rcx", "r11", "memory");
  gate = 0;
  return result;
}

int main(void) {
  struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO};
  MUST(sigaction(SIGSYS, &action, NULL));
  if (prctl(59 /* PR_SET_SYSCALL_USER_DISPATCH */, 1, 0, 0, &gate)) SKIP("no dispatch here");
  if (foreign() != 4242) SKIP("no dispatch here");
  victim_say("ready");
  // Most of the time the gate is shut, and whoever makes a call in the program's name is dispatched.
  while (!victim_may_go()) {
    gate = 1;
    for (volatile unsigned long i = 0; i < 3000000; i++) continue;
    gate = 0;
  }
  victim_wait_go();
  CHECK(foreign() == 4242 && dispatched == 2, "%ld calls were dispatched", dispatched);
  CHECK(strange == 0, "%ld calls that were not ours were dispatched", strange);
  victim_pass();
}
