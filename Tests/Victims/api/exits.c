// CKPT_EXIT: the process ends when the image is safe; the restarted one goes on.
#include <ckpt.h>

#include "victim.h"

int main(void) {
  struct ckpt_options options = CKPT_OPTIONS_INIT;
  options.flags = CKPT_EXIT;
  options.exit_status = 3;
  options.label = "the end of the first half";
  printf("buffered ");
  int now = ckpt_checkpoint("myckpt", &options);
  CHECK(now == CKPT_RESTARTED, "%d %s", now, ckpt_strerror(now));
  puts("once");
  fflush(stdout);
  victim_pass();
}
