// A thread that holds a robust mutex dies after the restart: the next one that wants the mutex is told
// (EOWNERDEAD), so the kernel knows the thread's robust list again.
#include "victim.h"

static pthread_mutex_t mutex;
static volatile int held, flag;

static void *holder(void *unused) {
  pthread_mutex_lock(&mutex);
  held = 1;
  while (!flag) victim_doze();
  syscall(SYS_exit, 0);  // without a word to libc: only the kernel can tell the others
  return unused;
}

int main(void) {
  pthread_mutexattr_t robust;
  pthread_mutexattr_init(&robust);
  pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&mutex, &robust);
  pthread_t thread;
  pthread_create(&thread, NULL, holder, NULL);
  while (!held) victim_doze();
  victim_wait();
  CHECK(pthread_mutex_trylock(&mutex) == EBUSY, "the mutex is no longer held");
  flag = 1;
  int result = pthread_mutex_lock(&mutex);
  CHECK(result == EOWNERDEAD, "lock says %s", strerror(result));
  pthread_mutex_consistent(&mutex);
  pthread_mutex_unlock(&mutex);
  victim_pass();
}
