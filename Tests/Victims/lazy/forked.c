// A child that is made while the memory isn't there yet has it all the same; so have its own children. What one
// writes, drops and moves is its own.
#include "lazy.h"

static char *start, *other;

static int status_of(pid_t child) {
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child, "%s", strerror(errno));
  return status;
}

static void grandchild(void) {
  CHECK(lazy_is(start + (1 << 20), 1 << 20, LARGE - (1 << 20), 3), "the grandchild's memory");
  CHECK(start[0] == 77, "the child wrote there before");
  CHECK(lazy_is(other, 0, LARGE, 4), "the grandchild's other memory");
  _exit(7);
}

static void child(void) {
  memset(start, 77, PAGE);
  CHECK(madvise(start + (8 << 20), 1 << 20, MADV_DONTNEED) == 0, "%s", strerror(errno));
  CHECK(lazy_is_zero(start + (8 << 20), 1 << 20), "what the child dropped");
  CHECK(lazy_is(start + (9 << 20), 9 << 20, LARGE - (9 << 20), 3), "the child's memory");
  char *moved = mremap(other, LARGE, LARGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                       MUST(mmap(NULL, LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
  CHECK(moved != MAP_FAILED && lazy_is(moved, 0, LARGE, 4), "what the child moved");
  _exit(6);
}

int main(void) {
  start = lazy_large(LARGE, 3), other = lazy_large(LARGE, 4);
  victim_wait();
  pid_t first = MUST(fork());
  if (!first) child();
  pid_t second = MUST(fork());
  if (!second) {
    memset(start, 77, PAGE);
    pid_t third = MUST(fork());
    if (!third) grandchild();
    CHECK(WEXITSTATUS(status_of(third)) == 7, "the grandchild failed");
    CHECK(lazy_is(other + (1 << 20), 1 << 20, 1 << 20, 4), "the second child's memory");
    _exit(8);
  }
  // A child that looks at nothing, one that becomes another program.
  pid_t idle = MUST(fork());
  if (!idle) _exit(9);
  pid_t program = MUST(fork());
  if (!program) execl("/bin/true", "true", NULL), _exit(1);
  CHECK(lazy_is(start, 0, LARGE, 3), "the parent's memory");
  CHECK(lazy_is(other, 0, LARGE, 4), "the parent's other memory");
  CHECK(WEXITSTATUS(status_of(first)) == 6, "the first child failed");
  CHECK(WEXITSTATUS(status_of(second)) == 8, "the second child failed");
  CHECK(WEXITSTATUS(status_of(idle)) == 9, "the third child failed");
  CHECK(status_of(program) == 0, "the fourth child failed");
  victim_pass();
}
