// signalfd keeps its mask and still reads signals, one that was pending before among them.
#include <sys/signalfd.h>
#include "victim.h"

int main(void) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  sigaddset(&mask, SIGRTMIN + 3);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  int fd = MUST(signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC));
  sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 33});
  victim_wait();
  struct signalfd_siginfo info;
  CHECK(read(fd, &info, sizeof info) == sizeof info && (int)info.ssi_signo == SIGRTMIN + 3 && info.ssi_int == 33,
        "signal %u with value %d", info.ssi_signo, info.ssi_int);
  CHECK((pid_t)info.ssi_pid == getpid(), "sent by %u", info.ssi_pid);
  CHECK(read(fd, &info, sizeof info) == -1 && errno == EAGAIN);
  kill(getpid(), SIGUSR1);
  CHECK(read(fd, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR1);
  victim_pass();
}
