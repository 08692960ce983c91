// A process whose writes are watched forks: the child's memory is its own, and so are its images.
//
// The driver creates `fork` in the working directory when the parent has been saved; the child says its PID.
#include "victim.h"

enum { PAGES = 4096 };

static void check(const char *who, char *memory, uint64_t changed) {
  for (size_t p = 0; p < PAGES; p++)
    CHECK(victim_filled(memory + p * PAGE, PAGE, p % 7 == 0 ? changed + p : p + 1), "%s: page %zu", who, p);
}

static void change(char *memory, uint64_t seed) {
  for (size_t p = 0; p < PAGES; p += 7) victim_fill(memory + p * PAGE, PAGE, seed + p);
}

int main(void) {
  char *memory = MUST(mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (size_t p = 0; p < PAGES; p++) victim_fill(memory + p * PAGE, PAGE, p + 1);
  victim_say("ready");
  while (access("fork", F_OK) != 0) victim_doze();
  pid_t child = MUST(fork());
  if (child == 0) {
    change(memory, 1000000);
    victim_say("child %d", getpid());
    victim_wait_go();
    check("the child", memory, 1000000);
    victim_pass();
  }
  change(memory, 2000000);
  victim_say("parent");
  // The child may be killed and come back as somebody else's.
  while (access("parent.end", F_OK) != 0) victim_doze();
  check("the parent", memory, 2000000);
  victim_say("the parent passes");
  return 0;
}
