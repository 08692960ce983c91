// Threads that never stop writing while checkpoints are taken. Each page is filled anew from a seed that is
// written down beside it; in the end every page must hold what its seed says.
//
// Usage: busy PAGES HOT: two threads, each with a region of PAGES pages of which it writes the first HOT.
#include "victim.h"

enum { THREADS = 2, LIMIT = 1 << 16 };
static struct { char *start; uint32_t seeds[LIMIT]; } all[THREADS];
static size_t pages, hot;
static volatile bool ends;
static volatile uint64_t writes[THREADS];

static void *writer(void *argument) {
  size_t me = (size_t)argument;
  uint64_t state = 88172645463325252ull + me;
  while (!ends) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    size_t p = state % hot;
    uint32_t seed = 1 + (uint32_t)(state >> 32);
    victim_fill(all[me].start + p * PAGE, PAGE, seed);
    all[me].seeds[p] = seed;
    writes[me]++;
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 3) return 1;
  pages = strtoull(argv[1], NULL, 10), hot = strtoull(argv[2], NULL, 10);
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    all[i].start = MUST(mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (size_t p = 0; p < pages; p++) victim_fill(all[i].start + p * PAGE, PAGE, all[i].seeds[p] = 1 + p);
    pthread_create(&threads[i], NULL, writer, (void *)i);
  }
  for (size_t i = 0; i < THREADS; i++)
    while (writes[i] == 0) victim_doze();
  victim_wait();
  // Both go on from where they were.
  uint64_t before[THREADS] = {writes[0], writes[1]};
  for (size_t i = 0; i < THREADS; i++)
    while (writes[i] <= before[i]) victim_doze();
  ends = true;
  for (size_t i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    for (size_t p = 0; p < pages; p++)
      CHECK(victim_filled(all[i].start + p * PAGE, PAGE, all[i].seeds[p]), "page %zu of thread %zu", p, i);
  }
  victim_pass();
}
