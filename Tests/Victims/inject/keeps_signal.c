// A program that uses the agent's control signal itself: what others send it still reaches its handler, after the
// agent has come in, after a checkpoint, and after a restart.
#include "victim.h"

static volatile int handled, value;
static void on_signal(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  value = info->si_value.sival_int;
  handled++;
}

int main(void) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  MUST(sigaction(64, &action, NULL));
  victim_wait();
  for (int i = 1; i <= 10; i++) {
    MUST(sigqueue(getpid(), 64, (union sigval){.sival_int = i}));
    CHECK(handled == i && value == i, "signal %d: handled %d, value %d", i, handled, value);
  }
  MUST(raise(64));
  CHECK(handled == 11, "a plain signal was not handled");
  victim_pass();
}
