// Ends while most of its memory isn't there: by exit, a signal, or by becoming another program.
#include "lazy.h"

int main(int count, char **words) {
  char *start = lazy_large(4 * LARGE, 3);
  victim_wait();
  CHECK(lazy_is(start + LARGE, LARGE, PAGE, 3), "memory changed");
  const char *how = count > 1 ? words[1] : "exit";
  if (!strcmp(how, "abort")) abort();
  if (!strcmp(how, "exec")) execl("/bin/sh", "sh", "-c", "echo pass", NULL);
  victim_pass();
}
