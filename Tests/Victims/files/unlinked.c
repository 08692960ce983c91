// Files without a name come back with their contents: unlinked ones (two descriptors of one such file still
// see the same file) and one from O_TMPFILE, which can still be given a name.
#include "victim.h"

int main(void) {
  static char data[100000], again[100000];
  victim_fill(data, sizeof data, 1);
  int gone = MUST(open("gone", O_RDWR | O_CREAT | O_TRUNC, 0640));
  int second = MUST(open("gone", O_RDONLY));
  MUST(unlink("gone"));
  MUST(write(gone, data, sizeof data));
  lseek(second, 500, SEEK_SET);
  int sparse = MUST(open("sparse", O_RDWR | O_CREAT | O_TRUNC, 0600));
  MUST(unlink("sparse"));
  MUST(pwrite(sparse, "end", 3, 1l << 33));
  int nameless = open(".", O_RDWR | O_TMPFILE, 0600);
  if (nameless >= 0) MUST(write(nameless, data, 5000));
  victim_wait();
  CHECK(lseek(gone, 0, SEEK_CUR) == sizeof data && lseek(second, 0, SEEK_CUR) == 500, "offsets");
  CHECK(pread(gone, again, sizeof again, 0) == sizeof again && !memcmp(data, again, sizeof data), "contents of the unlinked file");
  CHECK(pwrite(gone, "new", 3, 500) == 3);
  CHECK(read(second, again, 3) == 3 && !memcmp(again, "new", 3), "two descriptors of one unlinked file fell apart");
  struct stat status;
  fstat(gone, &status);
  CHECK((status.st_mode & 0777) == 0640 && status.st_nlink == 0, "mode %o, %ld links", status.st_mode, (long)status.st_nlink);
  CHECK(pread(sparse, again, 3, 1l << 33) == 3 && !memcmp(again, "end", 3), "contents of the sparse file");
  if (nameless >= 0) {
    CHECK(pread(nameless, again, 5000, 0) == 5000 && !memcmp(data, again, 5000), "contents of the nameless file");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", nameless);
    CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0, "linkat: %s", strerror(errno));
  }
  victim_pass();
}
