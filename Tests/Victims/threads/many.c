// many N: N threads keep their TIDs, thread-local storage, signal masks and names of their pthread_t, and can
// be signalled, woken and joined.
#include "victim.h"

struct thread {
  pthread_t handle;
  pid_t tid;
  volatile int seen;
};
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static bool go;
static int waiting;
static __thread struct thread *self;

static void on_signal(int number) { self->seen = number; }

static void *run(void *argument) {
  self = argument;
  self->tid = victim_tid();
  pthread_mutex_lock(&mutex);
  waiting++;
  while (!go) pthread_cond_wait(&wake, &mutex);
  pthread_mutex_unlock(&mutex);
  CHECK(victim_tid() == self->tid, "TID is %d, was %d", victim_tid(), self->tid);
  while (!self->seen) victim_doze();
  return argument;
}

int main(int count, char **arguments) {
  count = count > 1 ? atoi(arguments[1]) : 1;
  struct thread *threads = calloc(count, sizeof *threads);
  signal(SIGUSR1, on_signal);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 << 10);
  pid_t leader = getpid();
  for (int i = 0; i < count - 1; i++)
    if (pthread_create(&threads[i].handle, &attributes, run, &threads[i])) FAIL("setup: thread %d", i);
  for (int sleeping = 0; sleeping < count - 1; victim_doze()) {
    pthread_mutex_lock(&mutex);
    sleeping = waiting;
    pthread_mutex_unlock(&mutex);
  }
  victim_wait();
  CHECK(getpid() == leader && victim_tid() == leader, "the leader's id changed");
  pthread_mutex_lock(&mutex);
  go = true;
  pthread_cond_broadcast(&wake);
  pthread_mutex_unlock(&mutex);
  for (int i = 0; i < count - 1; i++) {
    CHECK(!pthread_kill(threads[i].handle, SIGUSR1), "thread %d can't be signalled", i);
    void *result = NULL;
    pthread_join(threads[i].handle, &result);
    CHECK(result == &threads[i], "thread %d returned something else", i);
    CHECK(threads[i].seen == SIGUSR1);
  }
  victim_pass();
}
