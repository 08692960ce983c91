// /proc/self shows the program and not the one that restarted it: cmdline, comm, environ, exe, auxv, and the
// places of code, heap and stack in stat.
#include <sys/auxv.h>
#include <sys/prctl.h>
#include "victim.h"

static const char *files[] = {"cmdline", "comm", "environ", "auxv"};

static char *slurp(const char *file, size_t *size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/%s", file);
  return victim_slurp(path, size);
}

// Fields 26-28 and 45-51 of proc_pid_stat(5): start and end of code, data, heap, arguments, environment.
static void layout(unsigned long *fields) {
  char *text = slurp("stat", NULL), *at = strrchr(text, ')') + 1;
  for (int field = 3; field <= 51; field++) {
    char *end;
    while (*at == ' ') at++;
    unsigned long value = strtoul(at, &end, 10);
    fields[field] = value;
    at = strchr(at, ' ');
    if (!at) break;
  }
  free(text);
}

int main(void) {
  prctl(PR_SET_NAME, "another name");
  char *before[4], exe[256] = "", exe_after[256] = "";
  size_t size[4];
  static unsigned long fields[64], after_fields[64];
  for (int i = 0; i < 4; i++) before[i] = slurp(files[i], &size[i]);
  MUST(readlink("/proc/self/exe", exe, sizeof exe - 1));
  unsigned long entry = getauxval(AT_ENTRY);
  layout(fields);
  victim_wait();
  for (int i = 0; i < 4; i++) {
    size_t length;
    char *after = slurp(files[i], &length);
    CHECK(length == size[i] && !memcmp(after, before[i], length), "/proc/self/%s has %zu bytes ('%.60s'), had %zu ('%.60s')",
          files[i], length, i < 3 ? after : "", size[i], i < 3 ? before[i] : "");
  }
  CHECK(getauxval(AT_ENTRY) == entry);
  MUST(readlink("/proc/self/exe", exe_after, sizeof exe_after - 1));
  CHECK(!strcmp(exe, exe_after), "/proc/self/exe is %s, was %s", exe_after, exe);
  layout(after_fields);
  int same[] = {26, 27, 28, 45, 46, 47, 48, 49, 50, 51};
  for (unsigned i = 0; i < sizeof same / sizeof *same; i++)
    CHECK(fields[same[i]] == after_fields[same[i]], "field %d of stat is %lx, was %lx", same[i], after_fields[same[i]], fields[same[i]]);
  victim_pass();
}
