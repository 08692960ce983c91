// ckpt.h: a program that knows its good moments saves itself.
//
// Link with -lckptstub (a small static library): the program runs as ever without the agent, and every call says
// so (-ENOSYS). Or link with -lckpt: then the agent is always there. docs/API.md and ckpt(3) tell more.
//
//   int now = ckpt_checkpoint("state.ckpt", NULL);
//   if (now < 0) fprintf(stderr, "%s\n", ckpt_strerror(now));
//   if (now == CKPT_RESTARTED) reconnect();
//
// Times are in nanoseconds. Errors are negative errno numbers; ckpt_strerror has the sentence. Every function may be
// called from any thread, and from signal handlers.
#ifndef CKPT_H
#define CKPT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What ckpt_checkpoint, ckpt_allow and ckpt_wait return.
#define CKPT_SKIPPED 0    // the policy says: not now; nothing waited
#define CKPT_SAVED 1      // the image is safe on disk, and this is the process that was saved
#define CKPT_RESTARTED 2  // this is a restarted process
#define CKPT_STARTED 3    // CKPT_ASYNC: the image is being written; ckpt_wait tells

// Flags of struct ckpt_options.
#define CKPT_ASYNC 1u           // return when the program may go on, before the image is safe
#define CKPT_SYNC 2u            // write in place, without a copy-on-write clone
#define CKPT_INCREMENTAL 4u     // only what changed since the last image; makes a series
#define CKPT_FULL 8u            // all of it, even in an incremental series
#define CKPT_ONCE 16u           // never again after one image (in a restarted copy neither)
#define CKPT_NOT_IN_COPIES 32u  // never in a restarted process
#define CKPT_EXIT 64u           // end the process with exit_status when the image is safe
#define CKPT_EXECUTABLE 128u    // a snapshot executable instead of an image; full, and no part of a series

// How and when to save. Zero means: as the agent's settings say, every call. What is given must all hold. One struct for
// each place that calls: the last three fields count for it. They are in the image with the rest of the memory, so
// that a restarted process counts on.
struct ckpt_options {
  uint32_t size;        // sizeof(struct ckpt_options)
  uint32_t flags;       // CKPT_ASYNC | ...
  uint64_t every;       // save at every so many-th call only: 0 and 1 mean each
  uint64_t interval;    // ns: not before so much time has passed since the last try
  double probability;   // save with this probability, 0 < p <= 1; 0: always
  uint32_t keep;        // images that stay: a series, path.1, path.2, ...; 0: one file that is replaced
  int32_t exit_status;  // 0...255, with CKPT_EXIT
  const char *label;    // goes into the image; NULL: none
  uint64_t calls;       // times this was used
  uint64_t saves;       // images made (and restarts from them)
  uint64_t last;        // CLOCK_MONOTONIC, ns, of the last try
};
#define CKPT_OPTIONS_INIT { (uint32_t)sizeof(struct ckpt_options), 0, 0, 0, 0, 0, 0, NULL, 0, 0, 0 }

// Saves the process to `path`, which may have the fields of CKPT_FILE (%p, %c, ...); NULL: to CKPT_FILE.
//
// Returns CKPT_SAVED, and CKPT_RESTARTED in a process that was restarted from the image; CKPT_SKIPPED, CKPT_STARTED.
// Waits its turn while another thread is in it or an image is being written. Errors, among others:
//   -ENOSYS    there is no agent
//   -EDEADLK   called from a hook, from a handler that interrupted it, or in a deferral of this thread
//   -EINVAL    options that can't be
//   -ETIMEDOUT deferred by others (ckpt_defer), or a thread did not stop, for CKPT_TIMEOUT seconds
//   -EBUSY     the program has taken the agent's signals for itself
//   what open(2), write(2), fsync(2), rename(2) said of the path
int ckpt_checkpoint(const char *path, struct ckpt_options *options);

// Waits for the image of the last call with CKPT_ASYNC, at most so many ns; UINT64_MAX: until it is done.
//
// Returns CKPT_SAVED, CKPT_STARTED (not yet), CKPT_SKIPPED (there was none), CKPT_RESTARTED (the process was restarted
// meanwhile) or the error that the call would have returned.
int ckpt_wait(uint64_t nanoseconds);

// The sentence of what `error` meant to the calling thread: what, on what, why, what to do. Good until its next call.
const char *ckpt_strerror(int error);

// Whether the agent is there: 1 or 0.
int ckpt_available(void);

// How many times this process was restarted.
unsigned ckpt_restarts(void);

// The arguments and the environment that the last restart was given (snapshot executable, `restart IMAGE -- ...`);
// NULL: none. Ends with NULL like main's. `count` may be NULL. Good until the next restart.
char **ckpt_restart_argv(int *count);
char **ckpt_restart_envp(void);

// Not now: no checkpoint from when ckpt_defer returns to the ckpt_allow that matches; they nest, in any thread.
// What is asked for meanwhile waits, and is done by the last ckpt_allow, which then returns CKPT_SAVED,
// CKPT_RESTARTED or an error; else 0. ckpt_allow too many: -EINVAL.
int ckpt_defer(void);
int ckpt_allow(void);

// Hooks. Before a checkpoint CKPT_BEFORE hooks run, the last registered first; after it, in order, CKPT_RESUMED hooks
// in the process that was saved (or could not be), CKPT_RESTARTED hooks in a restarted one. They run in the thread that
// called, outside of any handler. A checkpoint that comes by a signal runs only hooks with CKPT_IN_HANDLER, in a
// signal handler of any thread: those must be async-signal-safe (signal-safety(7)).
// ckpt_on returns a number for ckpt_off; -ENOSPC beyond 64 hooks, -EINVAL for another event.
// Events: CKPT_BEFORE, CKPT_RESUMED, and CKPT_RESTARTED from above.
#define CKPT_BEFORE 4
#define CKPT_RESUMED 5
#define CKPT_IN_HANDLER 256
int ckpt_on(int event, void (*hook)(void *), void *argument);
int ckpt_off(int number);

// Memory not worth saving: pages wholly inside are not in images, and come back as zeros. Private memory only; shared
// memory is saved all the same. Call ckpt_include before the memory is given back. -ENOSPC beyond 508 ranges.
int ckpt_exclude(const void *address, size_t bytes);
int ckpt_include(const void *address, size_t bytes);

// The agent's side of the stub: the address of the function with a number of the list below, NULL: it has none such.
void *ckpt_agent_function(uint32_t number);
enum {
  CKPT_FUNCTION_CHECKPOINT = 1, CKPT_FUNCTION_WAIT, CKPT_FUNCTION_STRERROR, CKPT_FUNCTION_RESTARTS,
  CKPT_FUNCTION_RESTART_ARGV, CKPT_FUNCTION_RESTART_ENVP, CKPT_FUNCTION_DEFER, CKPT_FUNCTION_ALLOW,
  CKPT_FUNCTION_ON, CKPT_FUNCTION_OFF, CKPT_FUNCTION_EXCLUDE, CKPT_FUNCTION_INCLUDE
};

#ifdef __cplusplus
}
#endif
#endif
