// When a call saves: every N-th, at most every T, once, by chance, never in copies; and what stays.
#include <ckpt.h>

#include "victim.h"

static int count(struct ckpt_options *options, int calls) {
  int saved = 0;
  for (int i = 0; i < calls; i++) {
    int now = ckpt_checkpoint("series", options);
    CHECK(now == CKPT_SAVED || now == CKPT_SKIPPED, "%d %s", now, ckpt_strerror(now));
    saved += now == CKPT_SAVED;
  }
  return saved;
}

int main(void) {
  struct ckpt_options every = CKPT_OPTIONS_INIT, once = CKPT_OPTIONS_INIT, seldom = CKPT_OPTIONS_INIT;
  struct ckpt_options chance = CKPT_OPTIONS_INIT, both = CKPT_OPTIONS_INIT, kept = CKPT_OPTIONS_INIT;
  static struct ckpt_options first = CKPT_OPTIONS_INIT, original = CKPT_OPTIONS_INIT, counted = CKPT_OPTIONS_INIT;
  every.every = 4;
  CHECK(count(&every, 11) == 2 && every.calls == 11 && every.saves == 2);
  once.flags = CKPT_ONCE;
  CHECK(count(&once, 5) == 1);
  seldom.interval = 3600000000000ull;
  CHECK(count(&seldom, 5) == 1);
  seldom.last -= 3600000000000ull;
  CHECK(count(&seldom, 5) == 1);
  chance.probability = 1e-12;
  CHECK(count(&chance, 200) == 0);
  chance.probability = 0.5;
  int hits = count(&chance, 64);
  CHECK(hits > 8 && hits < 56, "%d of 64", hits);
  both.every = 2, both.flags = CKPT_ONCE;
  CHECK(count(&both, 6) == 1 && both.calls == 6);
  kept.keep = 2;
  unlink("series");
  CHECK(count(&kept, 4) == 4);
  char target[64] = "";
  CHECK(readlink("series", target, 63) > 0, "there is no link to the newest");
  int files = 0;
  for (int i = 0; i < 1000; i++) {
    char name[32];
    snprintf(name, sizeof name, "series.%d", i);
    files += access(name, F_OK) == 0;
  }
  CHECK(files == 2, "%d images stay", files);
  first.flags = CKPT_ONCE, original.flags = CKPT_NOT_IN_COPIES, counted.every = 3;
  CHECK(ckpt_checkpoint("series", &counted) == CKPT_SKIPPED);
  int now = ckpt_checkpoint("myckpt", &first);
  if (now == CKPT_SAVED) {
    CHECK(ckpt_checkpoint("other", &original) == CKPT_SAVED);
    victim_wait();
    FAIL("it was to be killed");
  }
  CHECK(now == CKPT_RESTARTED, "%d %s", now, ckpt_strerror(now));
  CHECK(ckpt_checkpoint("myckpt", &first) == CKPT_SKIPPED, "once means once, in copies too");
  CHECK(ckpt_checkpoint("other", &original) == CKPT_SKIPPED);
  CHECK(ckpt_checkpoint("series", &counted) == CKPT_SKIPPED && ckpt_checkpoint("series", &counted) == CKPT_SAVED);
  victim_pass();
}
