// Threads that start and exit all the time, also while the others are being stopped: two threads create and
// join short-lived ones without a pause, and none is lost or run twice.
#include "victim.h"

static volatile bool stop;
static int started, finished;

static void *brief(void *unused) {
  __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
  return unused;
}

static void *churn(void *unused) {
  while (!stop) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
      int error = pthread_create(&threads[i], NULL, brief, NULL);
      CHECK(!error, "pthread_create: %s", strerror(error));
      __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  }
  return unused;
}

int main(void) {
  pthread_t churners[2];
  for (int i = 0; i < 2; i++) pthread_create(&churners[i], NULL, churn, NULL);
  while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < 100) victim_doze();
  victim_wait();
  int now = __atomic_load_n(&finished, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < now + 100) victim_doze();
  stop = true;
  for (int i = 0; i < 2; i++) pthread_join(churners[i], NULL);
  CHECK(started == finished, "%d threads started, %d ran", started, finished);
  victim_pass();
}
