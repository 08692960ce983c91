// Memory that takes a while to write, and streams that others wait on. Says `closed` once it has closed its
// standard output because the driver made the file `close`.
#include "victim.h"

int main(void) {
  size_t ballast = 192 << 20;
  char *memory = MUST(mmap(NULL, ballast, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  victim_fill(memory, ballast, 3);
  int out = dup(1), link[2];
  MUST(pipe2(link, O_CLOEXEC));
  victim_say("ready");
  if (!getenv("CLOSES")) {
    // The write end was the last: only a copy elsewhere could keep the reader waiting.
    while (!victim_may_go()) victim_doze();
    close(link[1]);
    char byte;
    CHECK(read(link[0], &byte, 1) == 0);
  } else {
    while (access("close", F_OK)) victim_doze();
    close(1);
    close(out);
    close(2);
    while (!victim_may_go()) victim_doze();
  }
  CHECK(victim_filled(memory, ballast, 3));
  if (!getenv("CLOSES")) victim_pass();
  exit(0);
}
