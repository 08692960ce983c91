// Threads that all look, write, drop and fork in the same memory at the same moment.
#include "lazy.h"

enum { THREADS = 8 };
static char *start;
static pthread_barrier_t barrier;

// Each thread has every THREADS-th page to itself.
static void *run(void *argument) {
  size_t own = (size_t)argument;
  pthread_barrier_wait(&barrier);
  for (size_t page = own; page < LARGE / PAGE; page += THREADS) {
    char *at = start + page * PAGE;
    switch (page / THREADS % 4) {
    case 0:
      CHECK(lazy_is(at, page * PAGE, PAGE, 3), "page %zu", page);
      break;
    case 1:
      at[100] = 1;
      CHECK(lazy_is(at + 104, page * PAGE + 104, PAGE - 104, 3), "page %zu behind what was written", page);
      break;
    case 2:
      CHECK(madvise(at, PAGE, MADV_DONTNEED) == 0, "%s", strerror(errno));
      CHECK(lazy_is_zero(at, PAGE), "page %zu was dropped", page);
      break;
    default:
      if (page % 512 < THREADS) {
        pid_t child = MUST(fork());
        if (!child) _exit(lazy_is(at, page * PAGE, PAGE, 3) ? 0 : 1);
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child && status == 0, "a child's page %zu", page);
      }
    }
  }
  return NULL;
}

int main(void) {
  start = lazy_large(LARGE, 3);
  pthread_t threads[THREADS];
  pthread_barrier_init(&barrier, NULL, THREADS + 1);
  for (size_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, run, (void *)i);
  victim_wait();
  pthread_barrier_wait(&barrier);
  for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (size_t page = 0; page < LARGE / PAGE; page++) {
    char *at = start + page * PAGE;
    switch (page / THREADS % 4) {
    case 1: CHECK(at[100] == 1 && lazy_is(at, page * PAGE, 96, 3), "page %zu was written", page); break;
    case 2: CHECK(lazy_is_zero(at, PAGE), "page %zu was dropped", page); break;
    default: CHECK(lazy_is(at, page * PAGE, PAGE, 3), "page %zu", page);
    }
  }
  victim_pass();
}
