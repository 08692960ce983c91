// What the kernel keeps per thread and not in memory: name, nice value, scheduling policy, CPU affinity and
// timer slack.
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include "victim.h"

struct attributes {
  char name[16];
  int nice, policy;
  cpu_set_t cpus;
  int slack;
};
static volatile int flag;
static int set;

static struct attributes current(void) {
  struct attributes a;
  memset(&a, 0, sizeof a);
  prctl(PR_GET_NAME, a.name);
  a.nice = getpriority(PRIO_PROCESS, victim_tid());
  a.policy = sched_getscheduler(0);
  sched_getaffinity(0, sizeof a.cpus, &a.cpus);
  a.slack = prctl(PR_GET_TIMERSLACK);
  return a;
}

static void check(struct attributes old) {
  struct attributes new = current();
  CHECK(!strcmp(new.name, old.name), "name is %s, was %s", new.name, old.name);
  CHECK(new.nice == old.nice, "%s: nice is %d, was %d", old.name, new.nice, old.nice);
  CHECK(new.policy == old.policy, "%s: policy is %d, was %d", old.name, new.policy, old.policy);
  CHECK(CPU_EQUAL(&new.cpus, &old.cpus), "%s: affinity changed", old.name);
  CHECK(new.slack == old.slack, "%s: timer slack is %d, was %d", old.name, new.slack, old.slack);
}

static void *run(void *argument) {
  long i = (long)argument;
  char name[16];
  snprintf(name, sizeof name, "worker (%ld) %%", i);
  prctl(PR_SET_NAME, name);
  setpriority(PRIO_PROCESS, victim_tid(), 3 + i);
  struct sched_param none = {0};
  sched_setscheduler(0, i == 0 ? SCHED_BATCH : i == 1 ? SCHED_IDLE : SCHED_OTHER, &none);
  cpu_set_t cpus;
  sched_getaffinity(0, sizeof cpus, &cpus);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&cpus) > 1; cpu++) CPU_CLR(cpu, &cpus);  // keeps the last one
  if (i == 2) sched_setaffinity(0, sizeof cpus, &cpus);
  prctl(PR_SET_TIMERSLACK, 70000 + i);
  struct attributes old = current();
  __atomic_add_fetch(&set, 1, __ATOMIC_SEQ_CST);
  while (!flag) victim_doze();
  check(old);
  return NULL;
}

int main(void) {
  pthread_t threads[3];
  for (long i = 0; i < 3; i++) pthread_create(&threads[i], NULL, run, (void *)i);
  prctl(PR_SET_NAME, "the leader");
  setpriority(PRIO_PROCESS, 0, 1);
  struct attributes old = current();
  while (__atomic_load_n(&set, __ATOMIC_SEQ_CST) < 3) victim_doze();
  victim_wait();
  check(old);
  flag = 1;
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  victim_pass();
}
