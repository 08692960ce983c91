// What decides over privileges at the next execve(2): securebits with their locks, supplementary groups,
// the bounding, inheritable and ambient sets. Without any capability left, as a careful daemon has it.
// The argument: `none` (no capability is left), `ambient` (one is, for another user), `groups` (only the groups).
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include "victim.h"

struct privileges {
  int securebits, keeps, no_new, count;
  gid_t groups[64];
  char lines[5][40];
};

static struct privileges current(void) {
  struct privileges now;
  memset(&now, 0, sizeof now);
  now.securebits = prctl(PR_GET_SECUREBITS);
  now.keeps = prctl(PR_GET_KEEPCAPS);
  now.no_new = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
  now.count = getgroups(64, now.groups);
  char *status = victim_slurp("/proc/thread-self/status", NULL);
  const char *names[] = {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};
  for (int i = 0; i < 5; i++) sscanf(strstr(status, names[i]) + 7, " %39s", now.lines[i]);
  free(status);
  return now;
}

static void set(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{effective, permitted, inheritable}, {effective >> 32, permitted >> 32, inheritable >> 32}};
  MUST(syscall(SYS_capset, &header, data));
}

static void check(const struct privileges *a, const struct privileges *b, const char *who) {
  const char *names[] = {"inheritable", "permitted", "effective", "bounding", "ambient"};
  CHECK(a->securebits == b->securebits, "%s: securebits are %#x, were %#x", who, b->securebits, a->securebits);
  CHECK(a->keeps == b->keeps && a->no_new == b->no_new, "%s", who);
  for (int i = 0; i < 5; i++)
    CHECK(!strcmp(a->lines[i], b->lines[i]), "%s: %s is %s, was %s", who, names[i], b->lines[i], a->lines[i]);
  CHECK(a->count == b->count, "%s: %d groups, were %d", who, b->count, a->count);
  CHECK(!memcmp(a->groups, b->groups, sizeof a->groups), "%s: the first group is %d, was %d", who, b->groups[0], a->groups[0]);
}

static struct privileges others[2];
static volatile int step;

static void *other(void *unused) {
  (void)unused;
  others[0] = current();
  step = 1;
  while (step != 2) victim_doze();
  others[1] = current();
  step = 3;
  return NULL;
}

int main(int count, char **arguments) {
  const char *how = count > 1 ? arguments[1] : "none";
  if (geteuid() != 0) SKIP("only root can give up what root has");
  gid_t groups[] = {4, 27, 1000};
  MUST(setgroups(3, groups));
  if (!strcmp(how, "ambient")) {
    MUST(prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0));
    MUST(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED));
    // The image comes into this folder.
    MUST(chown(".", 1234, 1234));
    MUST(setresgid(1234, 1234, 1234));
    MUST(setresuid(1234, 1234, 1234));
    uint64_t one = 1ull << CAP_NET_BIND_SERVICE;
    set(one, one, one);
    MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0));
  } else if (!strcmp(how, "none")) {
    MUST(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED));
    set(0, 0, 0);
  }
  // A change of ids has made it so, and the image is written into this folder by whoever saves.
  prctl(PR_SET_DUMPABLE, 1);
  struct privileges a = current();
  pthread_t thread;
  pthread_create(&thread, NULL, other, NULL);
  while (step != 1) victim_doze();
  victim_wait();
  struct privileges b = current();
  check(&a, &b, "the main thread");
  step = 2;
  pthread_join(thread, NULL);
  check(&others[0], &others[1], "the other thread");
  victim_pass();
}
