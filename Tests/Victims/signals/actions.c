// All signal actions are kept: handlers with their flags and masks, ignored signals, defaults.
#include "victim.h"

static volatile int value;
static void simple(int number) { value = number; }
static void with_info(int number, siginfo_t *info, void *context) { value = number + info->si_value.sival_int + !context; }

int main(void) {
  struct sigaction before[65], after;
  for (int i = 1; i < 65; i++) {
    if (i == SIGUSR2 || i == 32 || i == 33 || i == SIGKILL || i == SIGSTOP) continue;
    struct sigaction action = {.sa_flags = 0};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, i % 64 + 1);
    if (i % 4 == 0) action.sa_handler = SIG_IGN;
    if (i % 4 == 1) action.sa_handler = simple, action.sa_flags = SA_RESTART | SA_NODEFER;
    if (i % 4 == 2) action.sa_sigaction = with_info, action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    MUST(sigaction(i, &action, NULL));
    sigaction(i, NULL, &before[i]);
  }
  victim_wait();
  for (int i = 1; i < 65; i++) {
    if (i == SIGUSR2 || i == 32 || i == 33 || i == SIGKILL || i == SIGSTOP) continue;
    sigaction(i, NULL, &after);
    CHECK(before[i].sa_handler == after.sa_handler, "handler of signal %d", i);
    CHECK(before[i].sa_flags == after.sa_flags, "flags of signal %d are %x, were %x", i, after.sa_flags, before[i].sa_flags);
    for (int k = 1; k < 65; k++)
      CHECK(sigismember(&before[i].sa_mask, k) == sigismember(&after.sa_mask, k), "mask of signal %d at %d", i, k);
  }
  sigqueue(getpid(), 50, (union sigval){.sival_int = 1000});  // 50 % 4 == 2
  CHECK(value == 1050, "the handler saw %d", value);
  raise(SIGHUP);  // 1 % 4 == 1
  CHECK(value == SIGHUP);
  victim_pass();
}
