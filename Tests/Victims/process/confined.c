// A program that confined itself by chroot(2): from outside it is refused, and does not notice.
#include "victim.h"

int main(void) {
  if (geteuid() != 0) SKIP("only root can confine itself");
  // The driver's word comes from outside.
  int go = MUST(open(".", O_RDONLY | O_DIRECTORY));
  mkdir("jail", 0755);
  mkdir("jail/proc", 0755);
  MUST(chroot("jail"));
  MUST(chdir("/"));
  victim_say("ready");
  while (faccessat(go, "go", F_OK, 0)) victim_doze();
  CHECK(access("/proc", F_OK) == 0 && access("/jail", F_OK) == -1, "it is outside");
  victim_pass();
}
