// The main thread and most others block the checkpoint signal, so that the kernel gives it to the one thread
// that doesn't: whichever thread takes it leads, and the masks of all are as before.
#include "victim.h"

static volatile int flag;
static int taker_blocked, others_blocked;

static void *other(void *blocks) {
  sigset_t two;
  sigemptyset(&two);
  sigaddset(&two, SIGUSR2);
  pthread_sigmask(blocks ? SIG_BLOCK : SIG_UNBLOCK, &two, NULL);
  while (!flag) victim_doze();
  pthread_sigmask(SIG_SETMASK, NULL, &two);
  __atomic_add_fetch(blocks ? &others_blocked : &taker_blocked, sigismember(&two, SIGUSR2), __ATOMIC_SEQ_CST);
  return NULL;
}

int main(void) {
  sigset_t two;
  sigemptyset(&two);
  sigaddset(&two, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &two, NULL);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, other, i == 2 ? NULL : "blocks");
  victim_wait();
  flag = 1;
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  pthread_sigmask(SIG_SETMASK, NULL, &two);
  CHECK(sigismember(&two, SIGUSR2), "the main thread no longer blocks the signal");
  CHECK(taker_blocked == 0 && others_blocked == 3, "masks changed: %d %d", taker_blocked, others_blocked);
  victim_pass();
}
