// takes_over handler|default|ignore: after the agent was loaded, the program (as the Java machine does) sets
// SIGUSR2 for its own use. `ckpt save` must then reach the agent otherwise or refuse; the program must not die
// of the signal, nor take it for its own.
#include "victim.h"

static volatile int seen;
static void own(int number) { seen = number; }

int main(int count, char **arguments) {
  const char *what = count > 1 ? arguments[1] : "handler";
  signal(SIGUSR2, !strcmp(what, "handler") ? own : !strcmp(what, "ignore") ? SIG_IGN : SIG_DFL);
  victim_wait();
  CHECK(!seen, "the program's own handler was called");
  struct sigaction now;
  sigaction(SIGUSR2, NULL, &now);
  CHECK(now.sa_handler == (!strcmp(what, "handler") ? own : !strcmp(what, "ignore") ? SIG_IGN : SIG_DFL), "its action changed");
  victim_pass();
}
