// System calls on memory that nobody has looked at: they find it, and what they leave there stays.
#include <linux/futex.h>
#include <sys/uio.h>

#include "lazy.h"

int main(void) {
  char *start = lazy_large(LARGE, 3);
  int zeros = MUST(open("/dev/zero", O_RDONLY)), pipes[2];
  MUST(pipe(pipes));
  victim_wait();
  char *at = start + (1 << 20);
  CHECK(read(zeros, at + 8 * PAGE + 8, PAGE) == (ssize_t)PAGE, "read: %s", strerror(errno));
  CHECK(lazy_is(at + 8 * PAGE, (1 << 20) + 8 * PAGE, 8, 3), "before what was read");
  CHECK(lazy_is_zero(at + 8 * PAGE + 8, PAGE), "what was read");
  CHECK(lazy_is(at + 9 * PAGE + 8, (1 << 20) + 9 * PAGE + 8, PAGE - 8, 3), "behind what was read");
  at = start + (4 << 20);
  char copy[PAGE];
  CHECK(write(pipes[1], at, PAGE) == (ssize_t)PAGE, "write: %s", strerror(errno));
  CHECK(read(pipes[0], copy, PAGE) == (ssize_t)PAGE, "%s", strerror(errno));
  CHECK(lazy_is(copy, 4 << 20, PAGE, 3), "what was written");
  at = start + (6 << 20);
  CHECK(syscall(SYS_futex, at, FUTEX_WAKE, 1, NULL, NULL, 0) == 0, "futex: %s", strerror(errno));
  CHECK(syscall(SYS_futex, at + (2 << 20), FUTEX_WAIT, 1, NULL, NULL, 0) == -1 && errno == EAGAIN, "futex: %s", strerror(errno));
  at = start + (10 << 20);
  CHECK(mlock(at, 4 * PAGE) == 0 || errno == EPERM, "mlock: %s", strerror(errno));
  CHECK(lazy_is(at, 10 << 20, 4 * PAGE, 3), "what was locked");
  at = start + (12 << 20);
  struct iovec here = {copy, PAGE}, there = {at, PAGE};
  CHECK(process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)PAGE, "process_vm_readv: %s", strerror(errno));
  CHECK(lazy_is(copy, 12 << 20, PAGE, 3), "what process_vm_readv saw");
  victim_pass();
}
