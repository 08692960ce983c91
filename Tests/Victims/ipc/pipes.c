// Pipes with both ends in the program keep their bytes, their size and each end's O_NONBLOCK; packet pipes
// (O_DIRECT) keep the boundaries; one full to the brim stays full.
#include "victim.h"

int main(void) {
  int plain[2], packets[2], full[2], empty[2];
  MUST(pipe2(plain, O_CLOEXEC));
  MUST(pipe2(packets, O_DIRECT));
  MUST(pipe2(full, O_NONBLOCK));
  MUST(pipe(empty));
  int size = MUST(fcntl(plain[1], F_SETPIPE_SZ, 256 << 10));
  static char data[200000], again[200000];
  victim_fill(data, sizeof data, 1);
  fcntl(plain[1], F_SETFL, O_NONBLOCK);
  CHECK(write(plain[1], data, sizeof data) == sizeof data);
  fcntl(plain[1], F_SETFL, 0);
  MUST(write(packets[1], "first", 5));
  MUST(write(packets[1], "2nd", 3));
  long filled = 0;
  for (ssize_t n; (n = write(full[1], data, 4096)) > 0;) filled += n;
  victim_wait();
  CHECK(fcntl(plain[0], F_GETPIPE_SZ) == size, "size is %d, was %d", fcntl(plain[0], F_GETPIPE_SZ), size);
  CHECK(fcntl(plain[0], F_GETFD) == FD_CLOEXEC);
  size_t length = 0;
  for (ssize_t n; length < sizeof again && (n = read(plain[0], again + length, sizeof again - length)) > 0;) length += n;
  CHECK(length == sizeof again && !memcmp(data, again, length), "bytes in the pipe changed");
  fcntl(plain[0], F_SETFL, O_NONBLOCK);
  CHECK(read(plain[0], again, 1) == -1 && errno == EAGAIN, "there are more bytes in the pipe");
  CHECK(read(packets[0], again, 100) == 5 && !memcmp(again, "first", 5), "first packet");
  CHECK(read(packets[0], again, 100) == 3 && !memcmp(again, "2nd", 3), "second packet");
  CHECK(write(full[1], data, 4096) == -1 && errno == EAGAIN, "the full pipe has room");
  long left = 0;
  for (ssize_t n; (n = read(full[0], again, sizeof again)) > 0;) left += n;
  CHECK(left == filled, "the full pipe held %ld bytes, now %ld", filled, left);
  CHECK(write(empty[1], "x", 1) == 1 && read(empty[0], again, 10) == 1 && again[0] == 'x');
  victim_pass();
}
