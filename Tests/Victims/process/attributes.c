// What prctl(2), arch_prctl(2) and membarrier(2) keep of a process and of each thread comes back.
#include <asm/prctl.h>
#include <linux/membarrier.h>
#include <sys/prctl.h>
#include "victim.h"

#define GET_MEMORY_MERGE 68
#define GET_MDWE 66
#define GET_IO_FLUSHER 58
#define GET_SPECULATION 52

struct attributes {
  int slack, mce, thp, keeps, subreaper, death, tsc, merge, mdwe, flusher, barriers, cpuid;
  int speculation[3];
};

static struct attributes current(void) {
  struct attributes now;
  memset(&now, 0, sizeof now);
  now.slack = prctl(PR_GET_TIMERSLACK);
  now.mce = prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);
  now.thp = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
  now.keeps = prctl(PR_GET_KEEPCAPS);
  prctl(PR_GET_CHILD_SUBREAPER, &now.subreaper, 0, 0, 0);
  prctl(PR_GET_PDEATHSIG, &now.death, 0, 0, 0);
  prctl(PR_GET_TSC, &now.tsc);
  now.merge = prctl(GET_MEMORY_MERGE, 0, 0, 0, 0);
  now.mdwe = prctl(GET_MDWE, 0, 0, 0, 0);
  now.flusher = prctl(GET_IO_FLUSHER, 0, 0, 0, 0);
  now.barriers = syscall(SYS_membarrier, 512 /* MEMBARRIER_CMD_GET_REGISTRATIONS */, 0, 0);
  now.cpuid = syscall(SYS_arch_prctl, ARCH_GET_CPUID, 0);
  for (int i = 0; i < 3; i++) now.speculation[i] = prctl(GET_SPECULATION, i, 0, 0, 0);
  return now;
}

static void check(const struct attributes *a, const struct attributes *b, const char *who) {
#define SAME(field) CHECK(a->field == b->field, "%s: " #field " is %#x, was %#x", who, b->field, a->field)
  SAME(slack);
  SAME(mce);
  SAME(thp);
  SAME(keeps);
  SAME(subreaper);
  SAME(death);
  SAME(tsc);
  SAME(merge);
  SAME(mdwe);
  SAME(flusher);
  SAME(barriers);
  SAME(cpuid);
  for (int i = 0; i < 3; i++) SAME(speculation[i]);
}

static struct attributes others[2];
static volatile int step;

static void *other(void *unused) {
  (void)unused;
  prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 0, 0);
  prctl(PR_SET_TIMERSLACK, 77777);
  prctl(PR_SET_SPECULATION_CTRL, 0, PR_SPEC_DISABLE, 0, 0);
  others[0] = current();
  step = 1;
  while (step != 2) victim_doze();
  others[1] = current();
  step = 3;
  return NULL;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, other, NULL);
  while (step != 1) victim_doze();
  prctl(PR_SET_TIMERSLACK, 123456);
  prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  prctl(PR_SET_PDEATHSIG, SIGURG);
  prctl(PR_SET_KEEPCAPS, 1);
  prctl(67 /* PR_SET_MEMORY_MERGE */, 1, 0, 0, 0);
  prctl(57 /* PR_SET_IO_FLUSHER */, 1, 0, 0, 0);
  prctl(PR_SET_SPECULATION_CTRL, 1, PR_SPEC_DISABLE, 0, 0);
  int kinds[] = {MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
                 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 1 << 8};
  for (int i = 0; i < 4; i++) syscall(SYS_membarrier, kinds[i], 0, 0);
  // What the other one shares with the process is as it is now.
  step = 0;
  others[0].barriers = 0;
  struct attributes a = current(), b;
  others[0].merge = a.merge, others[0].thp = a.thp, others[0].subreaper = a.subreaper, others[0].barriers = a.barriers;
  victim_wait();
  b = current();
  check(&a, &b, "the main thread");
  CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0, "membarrier: %s", strerror(errno));
  step = 2;
  pthread_join(thread, NULL);
  check(&others[0], &others[1], "the other thread");
  victim_pass();
}
