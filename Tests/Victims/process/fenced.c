// fenced narrow|wide kill|trap|error: fences itself in by a filter of seccomp(2). "wide" forbids swapon(2) alone, "narrow" all that the
// program does not need itself; what is forbidden ends it, comes as SIGSYS, or fails. Nothing may happen to it
// by a checkpoint that is refused.
#include "victim.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#define LET(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static volatile int traps;
static void on_trap(int signal) { traps += signal; }

int main(int count, char **arguments) {
  CHECK(count > 2);
  unsigned end = !strcmp(arguments[2], "kill") ? SECCOMP_RET_KILL_PROCESS
                 : !strcmp(arguments[2], "trap") ? SECCOMP_RET_TRAP : SECCOMP_RET_ERRNO | EXDEV;
  struct sock_filter narrow[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    LET(read), LET(write), LET(open), LET(openat), LET(close), LET(access), LET(nanosleep), LET(exit_group),
    LET(rt_sigreturn), LET(restart_syscall), BPF_STMT(BPF_RET | BPF_K, end)};
  struct sock_filter wide[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_swapon, 0, 1), BPF_STMT(BPF_RET | BPF_K, end),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  bool is_wide = !strcmp(arguments[1], "wide");
  struct sock_fprog program = {is_wide ? sizeof wide / sizeof *wide : sizeof narrow / sizeof *narrow, is_wide ? wide : narrow};
  signal(SIGSYS, on_trap);
  MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) SKIP("no seccomp filters here");
  victim_wait();
  CHECK(traps == 0, "a forbidden call was made");
  victim_pass();
}
