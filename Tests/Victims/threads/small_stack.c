// A thread with the smallest stack there is (16 KiB) has room for being stopped, though a signal frame with
// AVX-512 takes over 3 KiB of it: the agent works on a stack of its own.
#include "victim.h"

enum { size = 16 << 10 };
static volatile int flag;
static char *low;

// Leaves about 5 KiB of the stack free, and puts a pattern at the bottom that the agent must not run over.
static void *run(void *unused) {
  volatile char used[5 << 10];
  for (unsigned i = 0; i < sizeof used; i++) used[i] = i;
  while (!flag) __builtin_ia32_pause();
  for (unsigned i = 0; i < sizeof used; i++) CHECK(used[i] == (char)i, "stack byte %u changed", i);
  return unused;
}

int main(void) {
  low = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  mprotect(low, PAGE, PROT_NONE);  // the guard
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  if (pthread_attr_setstack(&attributes, low + PAGE, size)) SKIP("libc wants more than 16 KiB");
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, run, NULL);
  if (error) FAIL("setup: pthread_create: %s", strerror(error));
  victim_wait();
  flag = 1;
  pthread_join(thread, NULL);
  victim_pass();
}
