// Between ckpt_defer and ckpt_allow no checkpoint is taken, whoever asks; the last ckpt_allow makes the one that waits.
// Says `deferred`, waits for the driver's word, allows, says what came of it.
#include <ckpt.h>

#include "victim.h"

static volatile int hooks;
static void count(void *unused) { (void)unused; hooks++; }

int main(void) {
  ckpt_on(CKPT_BEFORE, count, NULL);
  CHECK(ckpt_defer() == 0 && ckpt_defer() == 0);
  victim_say("deferred");
  victim_wait_go();
  CHECK(hooks == 0);
  CHECK(ckpt_allow() == 0, "one deferral is left");
  int now = ckpt_allow();
  victim_say("allowed: %d", now);
  CHECK(now == CKPT_SAVED || now == CKPT_RESTARTED || now == 0, "%d %s", now, ckpt_strerror(now));
  CHECK(hooks > 0 || now == 0, "no hook ran");
  if (now == CKPT_SAVED) victim_wait();
  victim_pass();
}
