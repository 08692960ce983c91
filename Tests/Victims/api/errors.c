// Bad input and bad moments: an errno with a sentence, and never a hang.
#include <ckpt.h>

#include "victim.h"

#define EXPECT(call, error)                                                                 \
  do {                                                                                      \
    int got = (call);                                                                       \
    CHECK(got == -(error), "%s gave %d: %s", #call, got, got < 0 ? ckpt_strerror(got) : ""); \
    CHECK(strlen(ckpt_strerror(got)) > 20, "%s", ckpt_strerror(got));                       \
    victim_say("%s", ckpt_strerror(got));                                                   \
  } while (0)

static int inside = 1, in_handler = 1;
static void hook(void *unused) { (void)unused; inside = ckpt_checkpoint("inside", NULL); }
static void handler(int signal) { (void)signal; in_handler = ckpt_checkpoint("handler", NULL); }

static void *defers(void *unused) {
  (void)unused;
  ckpt_defer();
  return NULL;
}

int main(void) {
  struct ckpt_options options = CKPT_OPTIONS_INIT;
  EXPECT(ckpt_checkpoint("/nowhere/x", NULL), ENOENT);
  EXPECT(ckpt_checkpoint("/", NULL), EISDIR);
  EXPECT(ckpt_checkpoint("/dev/full", NULL), ENOSPC);
  if (geteuid() != 0) EXPECT(ckpt_checkpoint("/x", NULL), EACCES);
  char path[2000];
  memset(path, 'x', sizeof path);
  path[1999] = 0;
  EXPECT(ckpt_checkpoint(path, NULL), ENAMETOOLONG);
  options.size = 8;
  EXPECT(ckpt_checkpoint("x", &options), EINVAL);
  struct { struct ckpt_options known; uint64_t more; } later = {CKPT_OPTIONS_INIT, 1};
  later.known.size = sizeof later;
  EXPECT(ckpt_checkpoint("x", &later.known), E2BIG);
  later.more = 0;
  CHECK(ckpt_checkpoint("x", &later.known) == CKPT_SAVED, "options of a later version, all zero");
  options = (struct ckpt_options)CKPT_OPTIONS_INIT;
  options.flags = 1u << 31;
  EXPECT(ckpt_checkpoint("x", &options), EINVAL);
  options.flags = CKPT_EXIT | CKPT_ASYNC;
  EXPECT(ckpt_checkpoint("x", &options), EINVAL);
  options.flags = 0, options.probability = 1.5;
  EXPECT(ckpt_checkpoint("x", &options), EINVAL);
  EXPECT(ckpt_allow(), EINVAL);
  EXPECT(ckpt_on(77, hook, NULL), EINVAL);
  EXPECT(ckpt_on(CKPT_BEFORE, NULL, NULL), EINVAL);
  EXPECT(ckpt_exclude((void *)-4096l, 8192), EINVAL);
  // An error of the clone's is the call's too.
  options.probability = 0, options.flags = CKPT_ASYNC;
  CHECK(ckpt_checkpoint("/dev/full", &options) == CKPT_STARTED);
  EXPECT(ckpt_wait(UINT64_MAX), ENOSPC);
  // Re-entered from a hook; from a signal handler, which is a caller like any other.
  int number = ckpt_on(CKPT_BEFORE, hook, NULL);
  CHECK(ckpt_checkpoint("x", NULL) == CKPT_SAVED && inside == -EDEADLK, "%d", inside);
  ckpt_off(number);
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  CHECK(in_handler == CKPT_SAVED, "%d %s", in_handler, ckpt_strerror(in_handler));
  // This thread defers; another one does, and never allows.
  ckpt_defer();
  EXPECT(ckpt_checkpoint("x", NULL), EDEADLK);
  CHECK(ckpt_allow() == 0);
  pthread_t thread;
  pthread_create(&thread, NULL, defers, NULL);
  pthread_join(thread, NULL);
  EXPECT(ckpt_checkpoint("x", NULL), ETIMEDOUT);
  CHECK(ckpt_allow() == 0);
  CHECK(ckpt_checkpoint("x", NULL) == CKPT_SAVED);
  // 64 hooks, 508 ranges.
  for (int i = 0; i < 64; i++) CHECK(ckpt_on(CKPT_RESUMED, (void (*)(void *))free, NULL) > 0);
  EXPECT(ckpt_on(CKPT_RESUMED, hook, NULL), ENOSPC);
  for (size_t i = 0; i < 508; i++) CHECK(ckpt_exclude((void *)(0x10000000 + i * 8192), 4096) == 0);
  EXPECT(ckpt_exclude((void *)0x20000000, 4096), ENOSPC);
  // A forked child saves itself.
  pid_t child = fork();
  if (child == 0) {
    int now = ckpt_checkpoint("child", NULL);
    _exit(now == CKPT_SAVED ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(status == 0, "the child's call failed");
  CHECK(access("child", R_OK) == 0 && access("inside", F_OK) != 0);
  victim_say("ready");
  victim_pass();
}
