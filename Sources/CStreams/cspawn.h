// posix_spawnp(3) for Swift: its attributes are opaque structs, and `environ` is a variable.
#pragma once
#include <spawn.h>
#include <stdint.h>
#include <sys/types.h>

extern char **environ;

// Starts the program that PATH has, with two descriptors as its standard input and output. The
// arguments are addresses of strings, the last one 0. Returns an errno, 0: none.
static inline int cspawn(
    const char *program, const void *arguments, int input, int output, int32_t *process) {
  posix_spawn_file_actions_t actions;
  int error = posix_spawn_file_actions_init(&actions);
  if (error) return error;
  error = posix_spawn_file_actions_adddup2(&actions, input, 0);
  if (!error) error = posix_spawn_file_actions_adddup2(&actions, output, 1);
  if (!error)
    error = posix_spawnp(process, program, &actions, 0, (char *const *)arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}
