// A plain program of several threads for the C libraries: four workers hash blocks handed out through a mutex
// and condition variables, the main thread prints each round's result. No libc beyond POSIX.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { workers = 4, rounds = 300, blocks = 16, block_size = 1 << 18 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static int next_block = blocks, finished, current;
static uint64_t results[blocks];

static uint64_t hash_block(int block, int round) {
  uint8_t *data = malloc(block_size);
  for (int i = 0; i < block_size; i++) data[i] = i * 31 + block * 17 + round * 13 + (i >> 8);
  uint64_t hash = 0xcbf29ce484222325u;
  for (int pass = 0; pass < 4; pass++)
    for (int i = 0; i < block_size; i++) hash = (hash ^ data[i]) * 0x100000001b3u;
  free(data);
  return hash;
}

static void *work(void *unused) {
  pthread_mutex_lock(&mutex);
  for (;;) {
    while (next_block == blocks) pthread_cond_wait(&more, &mutex);
    int block = next_block++, round = current;
    pthread_mutex_unlock(&mutex);
    uint64_t result = hash_block(block, round);
    pthread_mutex_lock(&mutex);
    results[block] = result;
    if (++finished == blocks) pthread_cond_signal(&done);
  }
  return unused;
}

int main(void) {
  for (int i = 0; i < workers; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, NULL)) return 1;
  }
  pthread_mutex_lock(&mutex);
  for (current = 0; current < rounds; current++) {
    next_block = finished = 0;
    pthread_cond_broadcast(&more);
    while (finished < blocks) pthread_cond_wait(&done, &mutex);
    uint64_t all = 0;
    for (int i = 0; i < blocks; i++) all = all * 31 + results[i];
    printf("round %d: %016llx\n", current, (unsigned long long)all);
    fflush(stdout);
  }
  return 0;
}
