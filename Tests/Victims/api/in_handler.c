// A checkpoint that comes by a signal runs the hooks that may run in a signal handler, and no others.
#include <ckpt.h>

#include "victim.h"

static volatile int before, resumed, restarted, others;
static void count(void *counter) { ++*(volatile int *)counter; }

static void *spins(void *unused) {
  (void)unused;
  while (getppid() >= 0) victim_doze();
  return NULL;
}

int main(int arguments, char **argument) {
  if (arguments > 1) {
    // One of two threads leads, and either may: the main thread does not take the signal.
    pthread_t thread;
    pthread_create(&thread, NULL, spins, NULL);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigaddset(&mask, 64);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    (void)argument;
  }
  ckpt_on(CKPT_BEFORE | CKPT_IN_HANDLER, count, (void *)&before);
  ckpt_on(CKPT_RESUMED | CKPT_IN_HANDLER, count, (void *)&resumed);
  ckpt_on(CKPT_RESTARTED | CKPT_IN_HANDLER, count, (void *)&restarted);
  ckpt_on(CKPT_BEFORE, count, (void *)&others);
  ckpt_on(CKPT_RESUMED, count, (void *)&others);
  ckpt_on(CKPT_RESTARTED, count, (void *)&others);
  bool is_restarted = victim_wait();
  while (is_restarted && !restarted) victim_doze();
  CHECK(others == 0 && before == 1, "before %d, others %d", before, others);
  CHECK(is_restarted ? restarted == 1 && resumed == 0 : restarted == 0 && resumed == 1, "resumed %d, restarted %d",
        resumed, restarted);
  victim_pass();
}
