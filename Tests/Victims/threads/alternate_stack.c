// A thread is checkpointed inside a handler that runs on its alternate stack, with a second handler nested in
// the first; both return, and the alternate stack is still registered for the next signal.
#include "victim.h"

static char stack[256 << 10] __attribute__((aligned(64)));
static volatile int flag, depth, deepest, outer_returned;
static volatile uintptr_t where[2];

static bool on_stack(uintptr_t address) { return address - (uintptr_t)stack < sizeof stack; }

static void handler(int number) {
  char here;
  where[depth] = (uintptr_t)&here;
  deepest = ++depth;
  if (number == SIGUSR1) raise(SIGALRM);
  else while (!flag) victim_doze();
  depth--;
}

static void *run(void *unused) {
  stack_t mine = {.ss_sp = stack, .ss_size = sizeof stack}, now;
  MUST(sigaltstack(&mine, NULL));
  raise(SIGUSR1);
  outer_returned = 1;
  MUST(sigaltstack(NULL, &now));
  CHECK(now.ss_sp == stack && now.ss_size == sizeof stack && now.ss_flags == 0,
        "alternate stack is %p, size %zu, flags %x", now.ss_sp, now.ss_size, now.ss_flags);
  where[0] = 0;
  raise(SIGALRM);
  CHECK(on_stack(where[0]), "the next signal did not come on the alternate stack");
  return unused;
}

int main(void) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, run, NULL);
  while (depth < 2) victim_doze();
  victim_wait();
  CHECK(depth == 2 && !outer_returned, "a handler returned on its own");
  flag = 1;
  pthread_join(thread, NULL);
  CHECK(outer_returned && on_stack(where[0]) && depth == 0);
  victim_pass();
}
