// executes: a program that executes itself again and again, as a chain of scripts does. Between two of its lives there
// is no handler for any signal: whoever asks it for something by a signal must not end it. It counts its lives.
#include "victim.h"

int main(int count, char **arguments) {
  unsigned long lives = count > 1 ? strtoul(arguments[1], NULL, 10) : 0;
  if (lives == 0) victim_say("ready");
  if (victim_may_go()) {
    victim_wait_go();
    CHECK(lives > 0, "it had no second life");
    victim_pass();
  }
  char next[32];
  snprintf(next, sizeof next, "%lu", lives + 1);
  struct timespec pause = {0, 1000000};
  syscall(SYS_nanosleep, &pause, NULL);
  execl("/proc/self/exe", arguments[0], next, (char *)NULL);
  FAIL("execl: %s", strerror(errno));
}
