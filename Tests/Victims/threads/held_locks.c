// Threads wait on everything one can wait on, behind a mutex that another holds: mutex, condition variable,
// semaphore, both sides of a rwlock, barrier, once. All are still waiting afterwards, and all can be released.
#include <semaphore.h>
#include "victim.h"

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER, guard = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t read_held = PTHREAD_RWLOCK_INITIALIZER, write_held = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t semaphore;
static bool signalled;
static volatile int flag;
static volatile pid_t tids[8];
static int released, once_runs;

static void first(void) {
  once_runs++;
  while (!flag) victim_doze();
}

static void *wait_on(void *argument) {
  long what = (long)argument;
  tids[what] = victim_tid();
  switch (what) {
    case 0: pthread_mutex_lock(&held); pthread_mutex_unlock(&held); break;
    case 1:
      pthread_mutex_lock(&guard);
      while (!signalled) pthread_cond_wait(&condition, &guard);
      pthread_mutex_unlock(&guard);
      break;
    case 2: CHECK(sem_wait(&semaphore) == 0, "sem_wait: %s", strerror(errno)); break;
    case 3: pthread_rwlock_wrlock(&read_held); pthread_rwlock_unlock(&read_held); break;
    case 4: pthread_rwlock_rdlock(&write_held); pthread_rwlock_unlock(&write_held); break;
    case 5: pthread_barrier_wait(&barrier); break;
    case 6: case 7: pthread_once(&once, first); break;
  }
  __atomic_add_fetch(&released, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

int main(void) {
  sem_init(&semaphore, 0, 0);
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_mutex_lock(&held);
  pthread_rwlock_rdlock(&read_held);
  pthread_rwlock_wrlock(&write_held);
  pthread_t threads[8];
  for (long i = 0; i < 8; i++) {
    pthread_create(&threads[i], NULL, wait_on, (void *)i);
    while (!tids[i]) victim_doze();
    if (i < 6) victim_until_asleep(tids[i]);
  }
  victim_wait();
  CHECK(released == 0, "%d threads came through", released);
  CHECK(pthread_mutex_trylock(&held) == EBUSY);
  pthread_mutex_unlock(&held);
  pthread_mutex_lock(&guard);
  signalled = true;
  pthread_cond_signal(&condition);
  pthread_mutex_unlock(&guard);
  sem_post(&semaphore);
  pthread_rwlock_unlock(&read_held);
  pthread_rwlock_unlock(&write_held);
  pthread_barrier_wait(&barrier);
  flag = 1;
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  CHECK(released == 8 && once_runs == 1);
  victim_pass();
}
