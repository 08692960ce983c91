// Locks are held again: flock, a POSIX record lock on part of a file, and an open file description lock. A
// child made afterwards can't take any of them.
#include <sys/file.h>
#include "victim.h"

static int made(const char *name) {
  int file = MUST(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));
  MUST(write(file, "0123456789", 10));
  return file;
}

int main(void) {
  int flocked = made("flocked"), record = made("record"), description = made("description");
  struct flock part = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 3, .l_len = 4};
  MUST(flock(flocked, LOCK_EX));
  MUST(fcntl(record, F_SETLK, &part));
  MUST(fcntl(description, F_OFD_SETLK, &part));
  victim_wait();
  pid_t child = fork();
  if (child == 0) {
    int file = open("flocked", O_RDWR), result = 0;
    if (flock(file, LOCK_SH | LOCK_NB) == 0) result |= 1;
    struct flock want = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 1};
    if (fcntl(open("record", O_RDWR), F_SETLK, &want) == 0) result |= 2;
    if (fcntl(open("description", O_RDWR), F_OFD_SETLK, &want) == 0) result |= 4;
    want.l_start = 8;
    if (fcntl(open("record", O_RDWR), F_SETLK, &want) != 0) result |= 8;
    _exit(result);
  }
  int status;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status), "the child ended with %x", status);
  CHECK(!(WEXITSTATUS(status) & 1), "the flock is gone");
  CHECK(!(WEXITSTATUS(status) & 2), "the record lock is gone");
  CHECK(!(WEXITSTATUS(status) & 4), "the open file description lock is gone");
  CHECK(!(WEXITSTATUS(status) & 8), "the record lock covers too much");
  victim_pass();
}
