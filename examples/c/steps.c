// Adds up, saves itself half-way and ends; the restarted process does the rest. Without the agent it runs in one go.
#include <ckpt.h>
#include <errno.h>
#include <stdio.h>

static void announce(void *unused) { puts("restarted: connections would be made again here"); }

int main(void) {
  struct ckpt_options half = CKPT_OPTIONS_INIT;
  half.flags = CKPT_EXIT;  // save, then end: for a batch system that wants its machine back
  half.every = 500000;     // the 500,000th call saves
  half.label = "half-way";
  ckpt_on(CKPT_RESTARTED, announce, NULL);
  unsigned long sum = 0;
  for (unsigned long step = 1; step <= 999999; step++) {
    sum += step;
    if (step == 500000) {
      printf("half-way: %lu\n", sum);
      fflush(stdout);  // what a buffer holds is saved with it
    }
    int now = ckpt_checkpoint("steps.ckpt", &half);
    if (now < 0 && now != -ENOSYS) {
      fprintf(stderr, "%s\n", ckpt_strerror(now));
      return 1;
    }
  }
  printf("sum: %lu, after %u restarts\n", sum, ckpt_restarts());
  return sum == 499999500000ul ? 0 : 1;
}
