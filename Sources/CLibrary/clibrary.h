// The C library for Embedded Swift, which has no module of it: what `ckpt-bench-victim` measures
// are the library's functions as programs call them. Header only.
#pragma once
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// open(2) has a variable number of arguments, which Swift can't call. Bytes: a StaticString's.
static inline int clibrary_open(const uint8_t *path, int flags) {
  return open((const char *)path, flags);
}
