// May be refused by name. If it is restored: a pidfd of the program itself still names it.
#include "victim.h"

int main(void) {
  int fd = syscall(SYS_pidfd_open, getpid(), 0);
  if (fd < 0) SKIP("no pidfd: %s", strerror(errno));
  victim_wait();
  CHECK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0, "pidfd_send_signal: %s", strerror(errno));
  victim_pass();
}
