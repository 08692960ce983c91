// Threads wait in calls that end early for any signal, take what comes while the memory is exchanged under them, and
// write into it; every word is looked at in the end.
#include "lazy.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <semaphore.h>
#include <poll.h>

#define WRITERS 40
#define WAITERS 15

static char *memory;
static int event;
static sem_t semaphore;
static _Atomic int stop, woken;

static void *writes(void *argument) {
  size_t own = (size_t)argument;
  for (uint64_t round = 1; !stop; round++)
    for (size_t at = own * 8; at < LARGE; at += 61 * PAGE) {
      uint64_t *word = (uint64_t *)(memory + LARGE + at);
      if (round > 1) CHECK(*word == own * 1000003 + round - 1, "thread %zu lost round %lu at byte %zu", own, round - 1, at);
      *word = own * 1000003 + round;
    }
  return NULL;
}

// Each by another call, without a time-out: none may come back before it is woken.
static void *waits(void *argument) {
  size_t own = (size_t)argument;
  if (own % 4 == 0) {
    struct epoll_event got = {0};
    int set = MUST(epoll_create1(0));
    struct epoll_event wanted = {.events = EPOLLIN, .data.u64 = own};
    MUST(epoll_ctl(set, EPOLL_CTL_ADD, event, &wanted));
    int n = epoll_wait(set, &got, 1, -1);
    CHECK(n == 1 && got.data.u64 == own, "epoll_wait gave %d, errno %d", n, errno);
  } else if (own % 4 == 1) {
    struct pollfd one = {.fd = event, .events = POLLIN};
    int n = poll(&one, 1, -1);
    CHECK(n == 1, "poll gave %d, errno %d", n, errno);
  } else if (own % 4 == 2) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 1000;
    int n = sem_timedwait(&semaphore, &end);
    CHECK(n == 0, "sem_timedwait gave %d, errno %d", n, errno);
  } else {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    siginfo_t got;
    int n = sigwaitinfo(&set, &got);
    CHECK(n == SIGUSR1, "sigwaitinfo gave %d, errno %d", n, errno);
  }
  woken++;
  return NULL;
}

int main(void) {
  memory = lazy_large(4 * LARGE, 7);
  event = MUST(eventfd(0, 0));
  MUST(sem_init(&semaphore, 0, 0));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_t waiters[WAITERS], writers[WRITERS];
  for (size_t i = 0; i < WAITERS; i++) pthread_create(&waiters[i], NULL, waits, (void *)i);
  victim_wait();
  for (size_t i = 0; i < WRITERS; i++) pthread_create(&writers[i], NULL, writes, (void *)i);
  // A fork waits until all is there: so the exchange is behind us then, with all threads at work.
  victim_doze();
  pid_t child = MUST(fork());
  if (child == 0) _exit(lazy_is(memory + 2 * LARGE, 2 * LARGE, 2 * LARGE, 7) ? 0 : 1);
  int status;
  MUST(waitpid(child, &status, 0));
  CHECK(status == 0, "the child ended with %x", status);
  CHECK(woken == 0, "%d calls ended too early", woken);
  for (int i = 0; i < 4; i++) victim_doze();
  stop = 1;
  for (size_t i = 0; i < WRITERS; i++) pthread_join(writers[i], NULL);
  uint64_t one = 1;
  MUST(write(event, &one, 8));
  for (size_t i = 0; i < WAITERS; i++) {
    sem_post(&semaphore);
    if (i % 4 == 3) pthread_kill(waiters[i], SIGUSR1);
  }
  for (size_t i = 0; i < WAITERS; i++) pthread_join(waiters[i], NULL);
  CHECK(lazy_is(memory, 0, LARGE, 7), "memory that nobody wrote has changed");
  CHECK(lazy_is(memory + 2 * LARGE, 2 * LARGE, 2 * LARGE, 7), "memory that nobody wrote has changed");
  victim_pass();
}
