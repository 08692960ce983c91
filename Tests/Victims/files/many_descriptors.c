// A program with its descriptor table nearly full up to the limit: the agent keeps no descriptor of its own,
// and the numbers it uses for a moment are given back.
#include <sys/resource.h>
#include "victim.h"

int main(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 512;
  setrlimit(RLIMIT_NOFILE, &limit);
  int last = -1, opened = 0;
  for (int fd; (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0; last = fd, opened++)
    ;
  for (int i = 0; i < 16; i++) close(last - i);  // room for the moment of a checkpoint
  victim_wait();
  for (int i = 0; i < 16; i++) CHECK(open("/dev/null", O_RDONLY) == last - 15 + i, "a number is taken");
  CHECK(open("/dev/null", O_RDONLY) == -1 && errno == EMFILE);
  victim_pass();
}
