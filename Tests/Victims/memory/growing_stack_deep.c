// A stack that stands 4 MiB deep at the checkpoint comes back with every frame, returns through all of them,
// and the limit below still ends in SIGSEGV on an alternate stack.
#include <setjmp.h>
#include "victim.h"

static sigjmp_buf back;
static long frames;

__attribute__((noinline)) static long recurse(long depth) {
  volatile char page[PAGE];
  page[7] = depth;
  if (depth == 0) victim_wait();
  else recurse(depth - 1);
  frames += page[7] == (char)depth;
  return frames;
}

// Runs into the end of the stack on purpose.
#pragma GCC diagnostic ignored "-Winfinite-recursion"
__attribute__((noinline)) static long forever(long depth) {
  volatile char page[PAGE];
  page[0] = depth;
  return forever(depth + 1) + page[0];
}

static void overflow(int number) { siglongjmp(back, number); }

int main(void) {
  static char stack[64 << 10];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  MUST(sigaltstack(&alternate, NULL));
  struct sigaction action = {.sa_handler = overflow, .sa_flags = SA_ONSTACK};
  sigaction(SIGSEGV, &action, NULL);
  CHECK(recurse(1000) == 1001, "only %ld frames were whole", frames);
  if (!sigsetjmp(back, 1)) forever(0);
  victim_pass();
}
