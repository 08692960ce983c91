// Advice and locks stay on their regions (the flags in smaps are the same): huge page advice both ways,
// dontfork, dontdump, wipeonfork, mergeable, locked. A restart is a fork in time: memory marked wipeonfork
// comes back zeroed, all other memory as it was.
#include "victim.h"

enum { regions = 8, size = 512 << 10 };
static char *region[regions];
static const char *name[regions] = {"hugepage", "nohugepage", "dontfork", "dontdump", "wipeonfork", "mergeable", "mlock", "randomly read"};

// The VmFlags line of the region at `start`.
static void flags_of(char *start, char *flags) {
  char *text = victim_slurp("/proc/self/smaps", NULL), head[40];
  snprintf(head, sizeof head, "%lx-", (unsigned long)start);
  char *at = !strncmp(text, head, strlen(head)) ? text : NULL;
  if (!at) {
    memmove(head + 1, head, strlen(head) + 1);
    head[0] = '\n';
    at = strstr(text, head);
  }
  CHECK(at, "no region starts at %p", start);
  at = strstr(at, "VmFlags:");
  sscanf(at, "VmFlags: %199[^\n]", flags);
  free(text);
}

int main(void) {
  int advice[regions] = {MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTFORK, MADV_DONTDUMP, MADV_WIPEONFORK, MADV_MERGEABLE, 0, MADV_RANDOM};
  static char before[regions][200], after[200];
  for (int i = 0; i < regions; i++) {
    // A hole on both sides keeps the regions apart.
    char *room = MUST(mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    region[i] = room + PAGE;
    munmap(room, PAGE);
    munmap(region[i] + size, PAGE);
    mprotect(region[i], size, PROT_READ | PROT_WRITE);
    victim_fill(region[i], size, i);
    if (advice[i] && madvise(region[i], size, advice[i])) name[i] = NULL;  // this kernel doesn't know it
    if (i == 6 && mlock(region[i], size)) SKIP("mlock: %s", strerror(errno));
    flags_of(region[i], before[i]);
  }
  bool restarted = victim_wait();
  for (int i = 0; i < regions; i++) {
    if (!name[i]) continue;
    flags_of(region[i], after);
    CHECK(!strcmp(before[i], after), "%s: flags are '%s', were '%s'", name[i], after, before[i]);
    if (advice[i] == MADV_WIPEONFORK && restarted) {
      for (int k = 0; k < size; k++) CHECK(region[i][k] == 0, "wipeonfork memory came back");
    } else {
      CHECK(victim_filled(region[i], size, i), "%s: contents changed", name[i]);
    }
  }
  victim_pass();
}
