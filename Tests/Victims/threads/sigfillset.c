// Threads that block every signal they can are stopped and brought back, and their masks are kept. glibc's
// sigfillset leaves 32 and 33 open, which is the way in.
#include "victim.h"

static volatile int flag;
static int failed;

static void *blocked(void *spins) {
  sigset_t all, now;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  while (!flag)
    if (!spins) victim_doze();
  pthread_sigmask(SIG_SETMASK, NULL, &now);
  for (int i = 1; i < 65; i++)
    if (i != SIGKILL && i != SIGSTOP && i != 32 && i != 33 && !sigismember(&now, i)) failed = i;
  return NULL;
}

int main(void) {
  pthread_t threads[2];
  pthread_create(&threads[0], NULL, blocked, NULL);
  pthread_create(&threads[1], NULL, blocked, "spins");
  victim_wait();
  flag = 1;
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  CHECK(!failed, "signal %d is no longer blocked", failed);
  sigset_t mine;
  pthread_sigmask(SIG_SETMASK, NULL, &mine);
  CHECK(sigisemptyset(&mine), "the main thread's mask changed");
  victim_pass();
}
