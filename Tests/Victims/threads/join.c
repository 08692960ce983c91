// pthread_join works on threads that exit after the restart: the kernel clears each one's TID word and wakes
// the joiner, also one that was already waiting in pthread_join.
#include "victim.h"

static volatile int flag;
static pthread_t sleeper;
static volatile pid_t joiner_tid;

static void *sleeps(void *value) {
  while (!flag) victim_doze();
  return value;
}

static void *joins(void *unused) {
  void *result = NULL;
  joiner_tid = victim_tid();
  CHECK(pthread_join(sleeper, &result) == 0 && result == (void *)7, "the join under way went wrong");
  return unused;
}

int main(void) {
  pthread_t joiner, other;
  pthread_create(&sleeper, NULL, sleeps, (void *)7);
  pthread_create(&other, NULL, sleeps, (void *)8);
  pthread_create(&joiner, NULL, joins, NULL);
  while (!joiner_tid) victim_doze();
  victim_until_asleep(joiner_tid);
  victim_wait();
  CHECK(pthread_tryjoin_np(other, NULL) == EBUSY, "a thread is gone");
  flag = 1;
  void *result = NULL;
  CHECK(pthread_join(other, &result) == 0 && result == (void *)8);
  CHECK(pthread_join(joiner, NULL) == 0);
  victim_pass();
}
