// ckpt_checkpoint returns like fork, in the process that was saved and in the restarted one, with hooks around it.
#include <ckpt.h>

#include "victim.h"

static char order[64];
static void note(void *letter) { strcat(order, letter); }

int main(void) {
  CHECK(ckpt_available() == 1);
  CHECK(ckpt_restarts() == 0 && ckpt_restart_argv(NULL) == NULL);
  ckpt_on(CKPT_BEFORE, note, "a");
  ckpt_on(CKPT_BEFORE, note, "b");
  ckpt_on(CKPT_RESUMED, note, "c");
  int gone = ckpt_on(CKPT_RESUMED, note, "x");
  ckpt_on(CKPT_RESUMED, note, "d");
  ckpt_on(CKPT_RESTARTED, note, "e");
  ckpt_on(CKPT_RESTARTED, note, "f");
  CHECK(ckpt_off(gone) == 0 && ckpt_off(gone) == -ENOENT);
  int value = 41;
  sigset_t mask, before;
  sigfillset(&mask);
  if (getenv("VICTIM_BLOCKS")) sigprocmask(SIG_BLOCK, &mask, NULL);
  sigprocmask(SIG_BLOCK, NULL, &before);
  int now = ckpt_checkpoint("myckpt", NULL);
  value++;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  CHECK(!memcmp(&mask, &before, 8), "the signal mask is another");
  if (now == CKPT_SAVED) {
    CHECK(!strcmp(order, "bacd"), "hooks: %s", order);
    CHECK(ckpt_restarts() == 0 && access("myckpt", R_OK) == 0);
    victim_wait();
    FAIL("it was to be killed");
  }
  CHECK(now == CKPT_RESTARTED, "%d %s", now, ckpt_strerror(now));
  CHECK(!strcmp(order, "baef"), "hooks: %s", order);
  CHECK(ckpt_restarts() == 1 && value == 42);
  // And once more, from the copy.
  order[0] = 0;
  now = ckpt_checkpoint("second", NULL);
  CHECK(now == CKPT_SAVED, "%d %s", now, ckpt_strerror(now));
  CHECK(!strcmp(order, "bacd"), "hooks: %s", order);
  victim_pass();
}
