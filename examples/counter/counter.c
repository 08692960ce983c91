// Counts, one line a fifth of a second, and knows nothing of checkpoints.
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void) {
  struct timespec pause = {0, 200000000};
  for (long count = 1;; count++) {
    printf("%ld (process %d)\n", count, (int)getpid());
    fflush(stdout);
    nanosleep(&pause, 0);
  }
}
