// Counts up in memory that the driver can read over /proc: a program that is stopped doesn't.
#include "victim.h"

static volatile uint64_t count;
static void *counts(void *unused) {
  for (;;) count++;
  return unused;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, counts, NULL);
  victim_wait();
  uint64_t before = count;
  while (count == before) victim_doze();
  victim_pass();
}
