// The descriptor table is full up to the limit: a checkpoint that needs a number for a moment says so.
#include <sys/resource.h>
#include "victim.h"

int main(void) {
  int spare = MUST(open("/dev/null", O_RDONLY));  // what the victim itself needs to be told to go on
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 64;
  setrlimit(RLIMIT_NOFILE, &limit);
  while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) {}
  victim_say("ready");
  while (!victim_may_go()) victim_doze();
  CHECK(open("/dev/null", O_RDONLY) == -1 && errno == EMFILE, "a number became free");
  CHECK(close(spare) == 0 && open("/dev/null", O_RDONLY) == spare);
  victim_pass();
}
