// /dev/null, /dev/zero, /dev/full and /dev/urandom stay open and do what they do.
#include "victim.h"

int main(void) {
  int null = MUST(open("/dev/null", O_RDWR)), zero = MUST(open("/dev/zero", O_RDONLY));
  int full = MUST(open("/dev/full", O_WRONLY)), random = MUST(open("/dev/urandom", O_RDONLY | O_CLOEXEC));
  victim_wait();
  char bytes[32] = {1};
  CHECK(write(null, bytes, 32) == 32 && read(null, bytes, 32) == 0, "/dev/null");
  CHECK(read(zero, bytes, 32) == 32 && bytes[0] == 0, "/dev/zero");
  CHECK(write(full, bytes, 1) == -1 && errno == ENOSPC, "/dev/full");
  char more[32] = {0};
  CHECK(read(random, bytes, 32) == 32 && read(random, more, 32) == 32 && memcmp(bytes, more, 32), "/dev/urandom");
  CHECK(fcntl(random, F_GETFD) == FD_CLOEXEC);
  victim_pass();
}
