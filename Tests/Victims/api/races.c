// Eight threads that save, one whose signal handler saves, hooks, deferrals: while `ckpt save` and periodic checkpoints
// come in between. Every call ends, with what may be. Ends by itself, or when it is restarted from any of the images.
#include <ckpt.h>

#include "victim.h"

enum { threads = 8, rounds = 4 };
static int results[8];
static volatile int before, after, handled;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void hook_before(void *unused) { (void)unused; before++; }
static void hook_after(void *unused) { (void)unused; after++; }

static void check(int now, const char *where) {
  CHECK(now >= 0 && now <= 3, "%s: %d %s", where, now, ckpt_strerror(now));
  __atomic_add_fetch(&results[now], 1, __ATOMIC_SEQ_CST);
}

static void handler(int signal) {
  (void)signal;
  int now = ckpt_checkpoint("handler.ckpt", NULL);
  CHECK(now > 0 || now == -EDEADLK, "in the handler: %d %s", now, ckpt_strerror(now));
  handled++;
}

static void *saves(void *number) {
  char path[32];
  snprintf(path, sizeof path, "thread%ld.ckpt", (long)number);
  struct ckpt_options options = CKPT_OPTIONS_INIT;
  if ((long)number % 3 == 1) options.flags = CKPT_ASYNC;
  if ((long)number % 3 == 2) options.flags = CKPT_SYNC;
  for (int round = 0; round < rounds; round++) {
    void *block = malloc(1000);
    check(ckpt_checkpoint(path, &options), path);
    free(block);
    if ((long)number == 0) {
      ckpt_defer();
      pthread_mutex_lock(&lock);
      pthread_mutex_unlock(&lock);
      check(ckpt_allow(), "allow");
    }
  }
  return NULL;
}

int main(void) {
  ckpt_on(CKPT_BEFORE, hook_before, NULL);
  ckpt_on(CKPT_RESUMED, hook_after, NULL);
  ckpt_on(CKPT_RESTARTED, hook_after, NULL);
  signal(SIGUSR1, handler);
  pthread_t thread[threads];
  for (long i = 0; i < threads; i++) pthread_create(&thread[i], NULL, saves, (void *)i);
  victim_say("ready");
  for (int i = 0; i < 5; i++) raise(SIGUSR1);
  for (int i = 0; i < threads; i++) pthread_join(thread[i], NULL);
  int last = ckpt_wait(UINT64_MAX);
  CHECK(last == CKPT_SAVED || last == CKPT_RESTARTED, "%d %s", last, ckpt_strerror(last));
  CHECK(handled == 5, "%d", handled);
  CHECK(before == after, "hooks before ran %d times, those after %d times", before, after);
  victim_pass();
}
