// waits_for_all sigwait|timed|poll|descriptor|blocked|thread: no signal reaches its handlers, since it blocks all and takes them
// by itself: sigwait(3), sigtimedwait(2) with a time-out or as a poll, a signalfd; "thread" does so in a thread of its own, and
// "blocked" takes none at all. A checkpoint must get through, and the program must not see a signal that nobody sent, nor
// have another mask afterwards.
#include "victim.h"

#include <poll.h>
#include <sys/signalfd.h>

static const char *how;
static sigset_t all;
static volatile unsigned long rounds;

// What the kernel has: the raw set, with 32 and 33, which glibc leaves out.
static uint64_t mask(void) {
  uint64_t set = 0;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &set, 8);
  return set;
}

static void strange(int signal, int code, long value) {
  FAIL("signal %d (code %d, value %lx) came, which nobody sent", signal, code, value);
}

static void take(int descriptor) {
  siginfo_t info;
  struct timespec moment = {0, 2000000}, none = {0, 0};
  if (!strcmp(how, "descriptor")) {
    struct signalfd_siginfo got;
    if (read(descriptor, &got, sizeof got) == sizeof got && got.ssi_signo != SIGUSR1) strange(got.ssi_signo, got.ssi_code, got.ssi_int);
  } else if (!strcmp(how, "blocked")) {
    syscall(SYS_nanosleep, &moment, NULL);
  } else {
    uint64_t set = ~0ull;
    struct timespec *patience = !strcmp(how, "timed") ? &moment : !strcmp(how, "poll") ? &none : NULL;
    int signal = syscall(SYS_rt_sigtimedwait, &set, &info, patience, 8);
    CHECK(signal > 0 || errno == EAGAIN, "sigtimedwait: %s", strerror(errno));
    if (signal > 0 && signal != SIGUSR1) strange(signal, info.si_code, (long)info.si_value.sival_ptr);
  }
  rounds++;
}

static void *server(void *unused) {
  (void)unused;
  uint64_t set = ~0ull, before;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, NULL, 8);
  before = mask();
  int descriptor = signalfd(-1, &all, SFD_CLOEXEC);
  while (!victim_may_go()) take(descriptor);
  CHECK(mask() == before, "the mask is %lx, was %lx", mask(), before);
  return NULL;
}

int main(int count, char **arguments) {
  how = count > 1 ? arguments[1] : "sigwait";
  sigfillset(&all);
  sigdelset(&all, SIGTRAP);
  bool apart = !strcmp(how, "thread");
  if (apart) how = "sigwait";
  pthread_sigmask(SIG_BLOCK, &all, NULL);
  pthread_t thread;
  if (apart) {
    MUST(pthread_create(&thread, NULL, server, NULL));
    victim_wait();
  } else {
    victim_say("ready");
    // What waits without end is woken by the driver, with SIGUSR1.
    server(NULL);
    victim_wait_go();
  }
  victim_pass();
}
