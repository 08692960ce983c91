// Duplicates share their offset and flags as before; a second open of the same file doesn't. Close-on-exec is
// kept for each number on its own.
#include "victim.h"

int main(void) {
  int one = MUST(open("data", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  MUST(write(one, "0123456789", 10));
  int two = MUST(dup(one)), apart = MUST(open("data", O_RDWR)), three = MUST(dup3(one, 50, O_CLOEXEC));
  lseek(one, 2, SEEK_SET);
  victim_wait();
  CHECK(lseek(two, 0, SEEK_CUR) == 2 && lseek(three, 0, SEEK_CUR) == 2 && lseek(apart, 0, SEEK_CUR) == 0);
  lseek(two, 7, SEEK_SET);
  CHECK(lseek(one, 0, SEEK_CUR) == 7 && lseek(three, 0, SEEK_CUR) == 7, "duplicates fell apart");
  CHECK(lseek(apart, 0, SEEK_CUR) == 0, "separate descriptions were joined");
  fcntl(three, F_SETFL, O_APPEND);
  CHECK(fcntl(one, F_GETFL) & O_APPEND);
  CHECK(fcntl(one, F_GETFD) == FD_CLOEXEC && fcntl(two, F_GETFD) == 0 && fcntl(three, F_GETFD) == FD_CLOEXEC && fcntl(apart, F_GETFD) == 0,
        "close-on-exec: %d %d %d %d", fcntl(one, F_GETFD), fcntl(two, F_GETFD), fcntl(three, F_GETFD), fcntl(apart, F_GETFD));
  victim_pass();
}
