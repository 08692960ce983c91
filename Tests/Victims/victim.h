// What every victim shares: announce, wait to be checkpointed, check, say so.
//
// A victim sets something up, calls victim_wait(), checks that all of it is still there, and ends with
// victim_pass(). The driver takes the checkpoint between `ready` and the moment it creates the file named by
// VICTIM_GO, whose first letter says what happened meanwhile: `o` the program went on, `r` it was restarted.
//
// Exit status: 0 pass, 1 a check failed (said on standard output), 77 this machine can't run the victim.
#ifndef VICTIM_H
#define VICTIM_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul

// Prints one line at once; a single write, so that lines of several threads don't mix.
__attribute__((format(printf, 1, 2), unused)) static void victim_say(const char *format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  if (length > (int)sizeof line - 2) length = sizeof line - 2;
  line[length++] = '\n';
  for (int done = 0; done < length;) {
    ssize_t n = write(1, line + done, length - done);
    if (n <= 0) _exit(99);
    done += n;
  }
}

// The program's condition is not what it was: say what and end.
#define FAIL(...)                                                        \
  do {                                                                   \
    victim_say("failed: " __VA_ARGS__);                                  \
    _exit(1);                                                            \
  } while (0)

#define CHECK(condition, ...)                                            \
  do {                                                                   \
    if (!(condition)) {                                                  \
      victim_say("failed at %s:%d: %s", __FILE__, __LINE__, #condition); \
      FAIL("" __VA_ARGS__);                                              \
    }                                                                    \
  } while (0)

// For setting up: a call that must succeed before there is anything to test.
#define MUST(call)                                                       \
  ({                                                                     \
    __typeof__(call) result_ = (call);                                   \
    if ((long)result_ == -1) FAIL("setup %s: %s", #call, strerror(errno)); \
    result_;                                                             \
  })

// This machine lacks what the victim needs.
#define SKIP(...)                                                        \
  do {                                                                   \
    victim_say("skip: " __VA_ARGS__);                                    \
    _exit(77);                                                           \
  } while (0)

// Five milliseconds by the bare system call: no libc state is involved in waiting.
__attribute__((unused)) static void victim_doze(void) {
  struct timespec five = {0, 5000000};
  syscall(SYS_nanosleep, &five, NULL);
}

// Whether the driver has said to go on, without waiting.
__attribute__((unused)) static bool victim_may_go(void) {
  const char *path = getenv("VICTIM_GO");
  return path && syscall(SYS_access, path, F_OK) == 0;
}

// Waits for the driver's word. True if this is a restarted program.
__attribute__((unused)) static bool victim_wait_go(void) {
  if (!getenv("VICTIM_GO")) FAIL("setup: VICTIM_GO is not set");
  while (!victim_may_go()) victim_doze();
  char word = 'o';
  int go = open(getenv("VICTIM_GO"), O_RDONLY | O_CLOEXEC);
  if (go < 0 || read(go, &word, 1) != 1) FAIL("VICTIM_GO can't be read: %s", strerror(errno));
  close(go);
  return word == 'r';
}

// Says `ready`, waits to be checkpointed. True if this is a restarted program.
__attribute__((unused)) static bool victim_wait(void) {
  victim_say("ready");
  return victim_wait_go();
}

__attribute__((noreturn, unused)) static void victim_pass(void) {
  victim_say("pass");
  exit(0);
}

__attribute__((unused)) static pid_t victim_tid(void) { return syscall(SYS_gettid); }

// Waits until thread `tid` of this process sleeps in the kernel ('S' in its stat), so that a thread that is
// meant to be blocked really is.
__attribute__((unused)) static void victim_until_asleep(pid_t tid) {
  for (;;) {
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) FAIL("setup: %s: %s", path, strerror(errno));
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    char *state = length > 0 ? strrchr(text, ')') : NULL;
    if (state && state[1] && state[2] == 'S') return;
    victim_doze();
  }
}

// All of a small file of /proc, with its size; the caller frees it.
__attribute__((unused)) static char *victim_slurp(const char *path, size_t *size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) FAIL("%s: %s", path, strerror(errno));
  size_t room = 1 << 16, length = 0;
  char *text = malloc(room + 1);
  for (ssize_t n; (n = read(file, text + length, room - length)) > 0;) {
    length += n;
    if (length == room) text = realloc(text, (room *= 2) + 1);
  }
  close(file);
  text[length] = 0;
  if (size) *size = length;
  return text;
}

// A byte pattern that differs from page to page.
__attribute__((unused)) static void victim_fill(void *start, size_t size, uint64_t seed) {
  uint64_t *word = start;
  for (size_t i = 0; i < size / 8; i++) word[i] = (seed + i) * 0x9E3779B97F4A7C15ull;
}

__attribute__((unused)) static bool victim_filled(const void *start, size_t size, uint64_t seed) {
  const uint64_t *word = start;
  for (size_t i = 0; i < size / 8; i++)
    if (word[i] != (seed + i) * 0x9E3779B97F4A7C15ull) return false;
  return true;
}

__attribute__((unused)) static double victim_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

#endif
