// Blocked signals that are pending stay pending: standard ones of the process and of a thread, and queued
// real-time ones with their values, senders and order.
#include "victim.h"

static sigset_t mask;
static volatile int flag, other_ready;

// The value of the next pending instance of `number`, which may come from the process or the thread.
static siginfo_t take(int number) {
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, number);
  siginfo_t info;
  struct timespec none = {0, 0};
  CHECK(sigtimedwait(&one, &info, &none) == number, "signal %d is not pending", number);
  return info;
}

static void *other(void *unused) {
  pthread_kill(pthread_self(), SIGTERM);
  pthread_sigqueue(pthread_self(), SIGRTMIN + 6, (union sigval){.sival_int = 66});
  other_ready = 1;
  while (!flag) victim_doze();
  // The kernel says SI_TKILL; glibc folds it into SI_USER.
  CHECK(take(SIGTERM).si_code == SI_USER);
  CHECK(take(SIGRTMIN + 6).si_value.sival_int == 66);
  return unused;
}

int main(void) {
  sigfillset(&mask);
  sigdelset(&mask, SIGUSR2);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, other, NULL);
  while (!other_ready) victim_doze();
  kill(getpid(), SIGINT);
  kill(getpid(), SIGINT);
  for (int i = 0; i < 5; i++) sigqueue(getpid(), SIGRTMIN + 4, (union sigval){.sival_int = 10 + i});
  sigqueue(getpid(), SIGRTMIN + 5, (union sigval){.sival_ptr = (void *)0x123456789abc});
  victim_wait();
  for (int i = 0; i < 5; i++) {
    siginfo_t info = take(SIGRTMIN + 4);
    CHECK(info.si_value.sival_int == 10 + i, "value %d in place %d", info.si_value.sival_int, i);
    CHECK(info.si_pid == getpid() && info.si_uid == getuid() && info.si_code == SI_QUEUE, "from %d, user %d, code %d", info.si_pid, info.si_uid, info.si_code);
  }
  CHECK(take(SIGRTMIN + 5).si_value.sival_ptr == (void *)0x123456789abc);
  siginfo_t interrupt = take(SIGINT);
  CHECK(interrupt.si_code == SI_USER && interrupt.si_pid == getpid(), "code %d from %d", interrupt.si_code, interrupt.si_pid);
  sigset_t pending;
  sigpending(&pending);
  CHECK(sigisemptyset(&pending), "more is pending than was sent");
  flag = 1;
  pthread_join(thread, NULL);
  victim_pass();
}
