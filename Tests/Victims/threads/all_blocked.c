// May be refused, naming the thread: one blocks even 32 and 33 by the raw system call, so that no signal
// reaches it. If the checkpoint is made, the thread comes back with its mask.
#include "victim.h"

static volatile int flag;
static volatile int blocked;

static void *run(void *unused) {
  uint64_t all = ~0ull, now = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
  blocked = 1;
  while (!flag) victim_doze();
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &now, 8);
  CHECK((now | 1 << 8 | 1 << 18) == ~0ull, "the mask is %lx", now);  // SIGKILL and SIGSTOP can't be blocked
  return unused;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, run, NULL);
  while (!blocked) victim_doze();
  victim_wait();
  flag = 1;
  pthread_join(thread, NULL);
  victim_pass();
}
