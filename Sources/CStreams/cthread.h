// A thread that runs one function and is waited for by nobody: pthread_t is opaque to Swift.
#pragma once
#include <pthread.h>
#include <signal.h>

// It takes no signals: those are for the thread that cleans up before the command ends.
static inline int cthread_start(void *(*body)(void *), void *argument) {
  pthread_t thread;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&thread, 0, body, argument);
  pthread_sigmask(SIG_SETMASK, &before, 0);
  if (error == 0) pthread_detach(thread);
  return error;
}
