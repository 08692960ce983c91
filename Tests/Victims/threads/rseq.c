// Restartable sequences stay registered for every thread: the kernel keeps writing the CPU number into the
// area (sched_getcpu reads it there), and registering the same area once more says EBUSY.
#include <sched.h>
#include <stddef.h>
#include "victim.h"

// Weak, for a libc that knows nothing of it.
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

static volatile int flag;

static void check(const char *who) {
  char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
  long result = syscall(SYS_rseq, area, 32, 0, 0x53053053);
  CHECK(result == -1 && errno == EBUSY, "%s: registering again gives %ld, %s", who, result, strerror(errno));
  cpu_set_t all, one;
  sched_getaffinity(0, sizeof all, &all);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &all)) continue;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    MUST(sched_setaffinity(0, sizeof one, &one));
    CHECK(sched_getcpu() == cpu, "%s: on CPU %d, sched_getcpu says %d", who, cpu, sched_getcpu());
    CHECK(*(volatile unsigned *)(area + 4) == (unsigned)cpu, "%s: rseq area says %u", who, *(unsigned *)(area + 4));
  }
  sched_setaffinity(0, sizeof all, &all);
}

static void *run(void *unused) {
  while (!flag) victim_doze();
  check("other thread");
  return unused;
}

int main(void) {
  if (!&__rseq_offset || !__rseq_size) SKIP("this libc doesn't register rseq");
  check("before");
  pthread_t thread;
  pthread_create(&thread, NULL, run, NULL);
  victim_wait();
  check("main thread");
  flag = 1;
  pthread_join(thread, NULL);
  victim_pass();
}
