// New threads can be made after the restart, with thread-local storage and stacks from libc's cache of stacks.
#include "victim.h"

static __thread int local = 41;
static int total;

static void *add(void *unused) {
  __atomic_add_fetch(&total, ++local, __ATOMIC_SEQ_CST);
  return unused;
}

static void round_of_threads(void) {
  pthread_t threads[20];
  for (int i = 0; i < 20; i++) CHECK(pthread_create(&threads[i], NULL, add, NULL) == 0);
  for (int i = 0; i < 20; i++) pthread_join(threads[i], NULL);
}

int main(void) {
  round_of_threads();
  victim_wait();
  round_of_threads();
  CHECK(total == 40 * 42, "threads counted to %d", total);
  victim_pass();
}
