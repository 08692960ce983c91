// The address space looks the same from inside: every region of the program at its address with its
// permissions and kind, [heap], [stack] and [vdso] under their labels. Only the file names of private file
// mappings may be gone: the files themselves may be.
#include "victim.h"

struct region {
  unsigned long start, end;
  char permissions[5], path[256];
};

// Reads the regions, joining neighbours that differ in nothing but where they come from.
static int regions(struct region *list, int room) {
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[512];
  int count = 0;
  while (fgets(line, sizeof line, maps) && count < room) {
    struct region r = {0};
    sscanf(line, "%lx-%lx %4s %*s %*s %*s %255[^\n]", &r.start, &r.end, r.permissions, r.path);
    struct region *last = count ? &list[count - 1] : NULL;
    if (r.path[0] != '[' && last && last->path[0] != '[' && last->end == r.start &&
        !strcmp(last->permissions, r.permissions))
      last->end = r.end;
    else
      list[count++] = r;
  }
  fclose(maps);
  return count;
}

int main(void) {
  static struct region before[4000], after[4000];
  free(malloc(100));
  regions(after, 4000);  // grows the heap as far as it will
  int old = regions(before, 4000);
  victim_wait();
  int new = regions(after, 4000);
  for (int i = 0; i < old; i++) {
    struct region *b = &before[i];
    // What may be split differently: the agent's own memory. So compare by address, not by line.
    bool found = false;
    for (int k = 0; k < new; k++) {
      struct region *a = &after[k];
      if (a->start > b->start || a->end < b->end) continue;
      CHECK(!strcmp(a->permissions, b->permissions), "%lx-%lx is %s, was %s (%s)", b->start, b->end,
            a->permissions, b->permissions, b->path);
      if (b->path[0] == '[')
        CHECK(!strcmp(a->path, b->path), "%s at %lx is called '%s'", b->path, b->start, a->path);
      found = true;
    }
    CHECK(found || strstr(b->path, "ckpt"), "%lx-%lx %s %s is gone", b->start, b->end, b->permissions, b->path);
  }
  victim_pass();
}
