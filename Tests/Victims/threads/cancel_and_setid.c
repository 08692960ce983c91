// glibc's own signals still work: pthread_cancel (32) of a blocked thread, deferred and asynchronous, and
// setgid (33), which reaches every thread.
#include "victim.h"

static volatile int ready;

static void *cancellable(void *asynchronous) {
  if (asynchronous) pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
  for (;;)
    if (!asynchronous) pause();
  return NULL;
}

int main(void) {
  pthread_t threads[2];
  pthread_create(&threads[0], NULL, cancellable, NULL);
  pthread_create(&threads[1], NULL, cancellable, "asynchronous");
  while (ready < 2) victim_doze();
  victim_wait();
  CHECK(setgid(getgid()) == 0, "setgid: %s", strerror(errno));
  for (int i = 0; i < 2; i++) {
    void *result = NULL;
    CHECK(pthread_cancel(threads[i]) == 0);
    pthread_join(threads[i], &result);
    CHECK(result == PTHREAD_CANCELED, "thread %d was not cancelled", i);
  }
  victim_pass();
}
