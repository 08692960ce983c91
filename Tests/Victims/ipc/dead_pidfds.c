// Two pidfds of one dead process are one inode, those of another dead process another.
#include <sys/epoll.h>
#include <poll.h>
#include "victim.h"

static bool same(int a, int b) {
  struct stat one, two;
  MUST(fstat(a, &one));
  MUST(fstat(b, &two));
  return one.st_ino == two.st_ino && one.st_dev == two.st_dev;
}

int main(void) {
  int files[2][2];
  for (int i = 0; i < 2; i++) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    for (int j = 0; j < 2; j++) files[i][j] = MUST(syscall(SYS_pidfd_open, child, 0));
    MUST(waitpid(child, NULL, 0));
  }
  bool tells = !same(files[0][0], files[1][0]);
  victim_wait();
  CHECK(same(files[0][0], files[0][1]) && same(files[1][0], files[1][1]), "two of one process differ");
  CHECK(!tells || !same(files[0][0], files[1][1]), "two processes are the same");
  for (int i = 0; i < 4; i++) {
    struct pollfd ended = {files[i / 2][i % 2], POLLIN, 0};
    CHECK(poll(&ended, 1, 5000) == 1, "pidfd %d does not say that it ended", i);
  }
  victim_pass();
}
