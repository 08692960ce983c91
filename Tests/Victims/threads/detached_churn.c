// Detached threads come and go during the stop, each one starting its successor: at no moment is the list of
// threads stable, and still every one of them runs exactly once.
#include "victim.h"

static volatile bool stop;
static volatile long generation, live;

static void *relay(void *unused) {
  generation++;
  if (!stop) {
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_t next;
    int error = pthread_create(&next, &detached, relay, NULL);
    CHECK(!error, "pthread_create: %s", strerror(error));
  } else {
    live = 0;
  }
  return unused;
}

int main(void) {
  live = 1;
  pthread_t first;
  pthread_create(&first, NULL, relay, NULL);
  pthread_detach(first);
  while (generation < 50) victim_doze();
  victim_wait();
  long now = generation;
  while (generation < now + 50) victim_doze();
  stop = true;
  while (live) victim_doze();
  victim_pass();
}
