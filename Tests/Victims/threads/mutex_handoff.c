// Threads pass a mutex and a condition variable around as fast as they can while they are stopped; the count
// stays exact. (Three cycles and two hundred use it: something is always held, something always waited for.)
#include "victim.h"

enum { players = 4 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static long turn, turns[players];
static bool stop;

static void *play(void *argument) {
  long me = (long)argument;
  pthread_mutex_lock(&mutex);
  while (!stop) {
    if (turn % players == me) {
      turns[me]++;
      turn++;
      pthread_cond_broadcast(&turn_changed);
      // Not as fast as it can in truth: four threads on one core would starve the rest of the tests.
      if (turn % 64 == 0) victim_doze();
    } else {
      pthread_cond_wait(&turn_changed, &mutex);
    }
  }
  pthread_mutex_unlock(&mutex);
  return NULL;
}

static long turn_now(void) {
  pthread_mutex_lock(&mutex);
  long now = turn;
  pthread_mutex_unlock(&mutex);
  return now;
}

int main(void) {
  pthread_t threads[players];
  for (long i = 0; i < players; i++) pthread_create(&threads[i], NULL, play, (void *)i);
  while (turn_now() < 100) victim_doze();
  victim_wait();
  long then = turn_now();
  while (turn_now() < then + 100) victim_doze();
  pthread_mutex_lock(&mutex);
  stop = true;
  pthread_cond_broadcast(&turn_changed);
  pthread_mutex_unlock(&mutex);
  long sum = 0;
  for (int i = 0; i < players; i++) {
    pthread_join(threads[i], NULL);
    sum += turns[i];
    CHECK(turns[i] - turns[players - 1] <= 1 && turns[i] >= turns[players - 1], "player %d lost its turn", i);
  }
  CHECK(sum == turn, "%ld turns, %ld played", turn, sum);
  victim_pass();
}
