// mlockall(2): what is mapped later is locked too, as it was asked for. The argument: `future` or `onfault`.
// Where the limit of locked memory has no room for the agent's own memory, the save is refused.
#include <sys/resource.h>
#include "victim.h"

static long locked(void) {
  char *text = victim_slurp("/proc/self/status", NULL);
  long size = atol(strstr(text, "VmLck:") + 6);
  free(text);
  return size;
}

int main(int count, char **arguments) {
  const char *how = count > 1 ? arguments[1] : "future";
  size_t extra = 64 * PAGE;
  int flags = !strcmp(how, "onfault") ? MCL_FUTURE | MCL_ONFAULT : MCL_FUTURE;
  struct rlimit limit;
  MUST(getrlimit(RLIMIT_MEMLOCK, &limit));
  if (geteuid() != 0 && limit.rlim_cur < (1ul << 30)) SKIP("ulimit -l of %lu KiB: the agent needs more", limit.rlim_cur >> 10);
  if (mlockall(flags)) SKIP("mlockall: %s", strerror(errno));
  victim_say("%s", "set up");
  victim_wait();
  long before = locked();
  char *place = mmap(NULL, extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(place != MAP_FAILED, "mmap: %s", strerror(errno));
  long grown = locked() - before;
  unsigned char present[64];
  mincore(place, extra, present);
  CHECK(grown == (long)extra >> 10, "%ld KiB more are locked, not %zu", grown, extra >> 10);
  CHECK((present[5] & 1) == (flags & MCL_ONFAULT ? 0 : 1), "pages are %spresent", present[5] & 1 ? "" : "not ");
  victim_pass();
}
