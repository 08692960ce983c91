// libckptstub.a: the API for programs that run with or without the agent.
//
// C, not Swift: it is linked into programs of any language. Embedded Swift brings functions of the Swift runtime
// along (swift_retain and others), which would take over the runtime of a Swift program; and Swift has no weak
// reference to a function that may not be there.
#include "ckpt.h"

#define NO_SYSTEM 38  // ENOSYS; <errno.h> is the C library's, of which nothing is needed

extern void *ckpt_agent_function(uint32_t) __attribute__((weak));
extern void *dlsym(void *, const char *) __attribute__((weak));

// The agent is loaded before the program is (LD_PRELOAD), or by dlopen(3); a static program has neither.
static void *agent_function(uint32_t number) {
  static void *(*find)(uint32_t);
  void *(*found)(uint32_t) = __atomic_load_n(&find, __ATOMIC_RELAXED);
  if (!found) {
    found = ckpt_agent_function;
    if (!found && dlsym) *(void **)&found = dlsym(NULL, "ckpt_agent_function");
    if (!found) return NULL;
    __atomic_store_n(&find, found, __ATOMIC_RELAXED);
  }
  return found(number);
}

#define FORWARD(number, result, parameters, arguments, otherwise)                    \
  result (*function) parameters = (result (*) parameters)agent_function(number);     \
  return function ? function arguments : (otherwise)

int ckpt_available(void) { return agent_function(CKPT_FUNCTION_CHECKPOINT) != NULL; }

int ckpt_checkpoint(const char *path, struct ckpt_options *options) {
  FORWARD(CKPT_FUNCTION_CHECKPOINT, int, (const char *, struct ckpt_options *), (path, options), -NO_SYSTEM);
}

int ckpt_wait(uint64_t nanoseconds) {
  FORWARD(CKPT_FUNCTION_WAIT, int, (uint64_t), (nanoseconds), -NO_SYSTEM);
}

const char *ckpt_strerror(int error) {
  FORWARD(CKPT_FUNCTION_STRERROR, const char *, (int), (error),
          error == -NO_SYSTEM || error == NO_SYSTEM
              ? "no checkpoint: the agent is not in this process (ENOSYS); start it with `ckpt run` or "
                "LD_PRELOAD=libckpt.so"
              : "no error of ckpt: the agent is not in this process");
}

unsigned ckpt_restarts(void) { FORWARD(CKPT_FUNCTION_RESTARTS, unsigned, (void), (), 0); }

char **ckpt_restart_argv(int *count) {
  if (count) *count = 0;
  FORWARD(CKPT_FUNCTION_RESTART_ARGV, char **, (int *), (count), NULL);
}

char **ckpt_restart_envp(void) { FORWARD(CKPT_FUNCTION_RESTART_ENVP, char **, (void), (), NULL); }

// Without an agent there is nothing to be put off, to be called for or to be left out: all is well.
int ckpt_defer(void) { FORWARD(CKPT_FUNCTION_DEFER, int, (void), (), 0); }
int ckpt_allow(void) { FORWARD(CKPT_FUNCTION_ALLOW, int, (void), (), 0); }

int ckpt_on(int event, void (*hook)(void *), void *argument) {
  FORWARD(CKPT_FUNCTION_ON, int, (int, void (*)(void *), void *), (event, hook, argument), 0);
}

int ckpt_off(int number) { FORWARD(CKPT_FUNCTION_OFF, int, (int), (number), 0); }

int ckpt_exclude(const void *address, size_t bytes) {
  FORWARD(CKPT_FUNCTION_EXCLUDE, int, (const void *, size_t), (address, bytes), 0);
}

int ckpt_include(const void *address, size_t bytes) {
  FORWARD(CKPT_FUNCTION_INCLUDE, int, (const void *, size_t), (address, bytes), 0);
}
