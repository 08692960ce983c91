// A thread that runs one function and is waited for by nobody: pthread_t is opaque to Swift.
#pragma once
#include <pthread.h>

static inline int cthread_start(void *(*body)(void *), void *argument) {
  pthread_t thread;
  int error = pthread_create(&thread, 0, body, argument);
  if (error == 0) pthread_detach(thread);
  return error;
}
