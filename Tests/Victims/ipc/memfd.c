// memfd keeps contents, size, offset, name and seals.
#include "victim.h"

int main(void) {
  int plain = MUST(memfd_create("plain name", 0)), sealed = MUST(memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC));
  static char data[50000], again[50000];
  victim_fill(data, sizeof data, 2);
  MUST(write(plain, data, sizeof data));
  MUST(write(sealed, data, 1000));
  MUST(fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
  lseek(plain, 123, SEEK_SET);
  int seals = fcntl(sealed, F_GET_SEALS), none = fcntl(plain, F_GET_SEALS);
  char link[64] = "", path[64];
  victim_wait();
  CHECK(lseek(plain, 0, SEEK_CUR) == 123);
  CHECK(pread(plain, again, sizeof again, 0) == sizeof again && !memcmp(data, again, sizeof data), "contents changed");
  CHECK(fcntl(sealed, F_GET_SEALS) == seals && fcntl(plain, F_GET_SEALS) == none, "seals are %x, were %x", fcntl(sealed, F_GET_SEALS), seals);
  CHECK(ftruncate(sealed, 10) == -1 && errno == EPERM, "the seal does not hold");
  CHECK(pwrite(sealed, "x", 1, 0) == 1);
  snprintf(path, sizeof path, "/proc/self/fd/%d", plain);
  readlink(path, link, sizeof link - 1);
  CHECK(strstr(link, "memfd:plain name"), "its name is %s", link);
  victim_pass();
}
