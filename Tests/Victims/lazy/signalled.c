// Timer signals by the thousand, on an alternate stack in memory that isn't there yet, while it drops, unmaps, maps
// anew and moves parts of that.
#include "lazy.h"
#include <sched.h>
#include <sys/time.h>

static char *memory;
static _Atomic uint64_t count;

static void handle(int number) {
  (void)number;
  volatile char on_stack[256];
  memset((void *)on_stack, (int)count, sizeof on_stack);
  ((uint64_t *)(memory + LARGE))[count % 4096 * 8] = count;
  count++;
}

int main(void) {
  memory = lazy_large(4 * LARGE, 9);
  stack_t stack = {.ss_sp = memory + LARGE / 2, .ss_size = 64 << 10};
  MUST(sigaltstack(&stack, NULL));
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK | SA_RESTART};
  MUST(sigaction(SIGALRM, &action, NULL));
  victim_wait();
  struct itimerval often = {{0, 200}, {0, 200}};
  MUST(setitimer(ITIMER_REAL, &often, NULL));
  char *second = memory + 2 * LARGE, *third = memory + 3 * LARGE;
  for (int i = 0; i < 50; i++) {
    char *page = second + (3 * i + 1) * PAGE;
    page[5] = 1;
    MUST(madvise(page, PAGE, MADV_DONTNEED));
    CHECK(lazy_is_zero(page, PAGE), "dropped page %d is not empty", i);
    page[7] = (char)i;
    CHECK(lazy_is(page + PAGE, page + PAGE - memory, PAGE, 9), "the page behind page %d changed", i);
    MUST(munmap(third + 5 * i * PAGE, 2 * PAGE));
    char *fresh = MUST(mmap(third + 5 * i * PAGE, PAGE, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    CHECK(lazy_is_zero(fresh, PAGE), "fresh page %d is not empty", i);
    fresh[9] = (char)i;
  }
  // Has to wait for all of it; the child sees all that was done.
  pid_t child = fork();
  while (child < 0 && errno == EINTR) child = fork();
  MUST(child);
  for (int i = 0; i < 50; i++) {
    char *page = second + (3 * i + 1) * PAGE;
    CHECK(page[7] == (char)i && page[5] == 0, "page %d lost what was written", i);
    page[7] = 0;
    CHECK(lazy_is_zero(page, PAGE), "page %d is not empty", i);
    CHECK(lazy_is(page + PAGE, page + PAGE - memory, PAGE, 9), "the page behind page %d changed", i);
    MUST(madvise(page + PAGE, PAGE, MADV_DONTNEED));
    CHECK(lazy_is_zero(page + PAGE, PAGE), "late dropped page %d is not empty", i);
    CHECK(third[5 * i * PAGE + 9] == (char)i, "fresh page %d lost what was written", i);
    CHECK(lazy_is(third + (5 * i + 2) * PAGE, 3 * LARGE + (5 * i + 2) * PAGE, 3 * PAGE, 9), "page behind the hole %d", i);
  }
  if (child == 0) _exit(0);
  int status;
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR, "");
  CHECK(status == 0, "the child ended with %x", status);
  while (count <= 10) sched_yield();
  struct itimerval never = {0};
  MUST(setitimer(ITIMER_REAL, &never, NULL));
  CHECK(lazy_is(memory, 0, LARGE / 2, 9), "memory changed");
  CHECK(lazy_is(second + LARGE / 2, 2 * LARGE + LARGE / 2, LARGE / 2, 9), "memory changed");
  victim_pass();
}
