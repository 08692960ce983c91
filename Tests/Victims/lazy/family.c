// A program and its child, both of which look at memory only when a file says so.
#include "lazy.h"

static void look(const char *start, const char *who) {
  while (access("look", F_OK) != 0) victim_doze();
  CHECK(lazy_is(start, 0, 2 * LARGE, 3), "%s's memory", who);
  victim_say("%s has all", who);
}

int main(void) {
  char *start = lazy_large(2 * LARGE, 3);
  victim_wait();
  pid_t child = MUST(fork());
  if (child) victim_say("parent");
  else victim_say("child %d", getpid());
  look(start, child ? "parent" : "child");
  if (!child) _exit(0);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && status == 0, "the child ended with %d", status);
  victim_pass();
}
