// The program is who it was: PID, TID, user and group ids, capabilities (none left over from the restart),
// umask, working directory, dumpable, no_new_privs, parent-death signal, session membership of itself.
#include <sys/prctl.h>
#include "victim.h"

struct identity {
  pid_t pid, tid;
  uid_t users[3];
  gid_t groups[3];
  char capabilities[3][40], seccomp[8], working[256];
  int dumpable, no_new_privs;
  mode_t mask;
};

static struct identity current(void) {
  struct identity me;
  memset(&me, 0, sizeof me);
  me.pid = getpid();
  me.tid = victim_tid();
  getresuid(&me.users[0], &me.users[1], &me.users[2]);
  getresgid(&me.groups[0], &me.groups[1], &me.groups[2]);
  char *status = victim_slurp("/proc/self/status", NULL);
  const char *names[] = {"CapInh:", "CapPrm:", "CapEff:"};
  for (int i = 0; i < 3; i++) sscanf(strstr(status, names[i]) + 7, " %39s", me.capabilities[i]);
  sscanf(strstr(status, "Seccomp:") + 8, " %7s", me.seccomp);
  free(status);
  MUST(getcwd(me.working, sizeof me.working) ? 0 : -1);
  me.dumpable = prctl(PR_GET_DUMPABLE);
  me.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS);
  umask(me.mask = umask(0));
  return me;
}

int main(void) {
  mkdir("elsewhere", 0755);
  MUST(chdir("elsewhere"));
  umask(0137);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  struct identity a = current();
  bool restarted = victim_wait();
  struct identity b = current();
  CHECK(a.pid == b.pid && a.tid == b.tid, "PID %d TID %d, were %d %d", b.pid, b.tid, a.pid, a.tid);
  CHECK(!memcmp(a.users, b.users, sizeof a.users), "user ids %d %d %d", b.users[0], b.users[1], b.users[2]);
  CHECK(!memcmp(a.groups, b.groups, sizeof a.groups), "group ids %d %d %d", b.groups[0], b.groups[1], b.groups[2]);
  for (int i = 0; i < 3; i++)
    CHECK(!strcmp(a.capabilities[i], b.capabilities[i]), "capabilities %d are %s, were %s", i, b.capabilities[i], a.capabilities[i]);
  CHECK(!strcmp(a.working, b.working), "working directory is %s, was %s", b.working, a.working);
  CHECK(a.mask == b.mask, "umask is %o, was %o", b.mask, a.mask);
  CHECK(a.dumpable == b.dumpable, "dumpable is %d, was %d", b.dumpable, a.dumpable);
  CHECK(a.no_new_privs == b.no_new_privs, "no_new_privs is %d", b.no_new_privs);
  CHECK(restarted || getppid() > 0);
  CHECK(kill(getpid(), 0) == 0);
  int file = open("made", O_CREAT | O_WRONLY | O_TRUNC, 0666);
  struct stat status;
  fstat(file, &status);
  CHECK((status.st_mode & 0777) == 0640 && status.st_uid == b.users[1], "a new file has mode %o, owner %d", status.st_mode, status.st_uid);
  victim_pass();
}
