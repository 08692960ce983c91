// An OpenMP program: a heat equation on a grid, by a team of threads with barriers and reductions; prints one
// line per round. Sums are of integers, so that the order of the threads doesn't show.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { size = 600, rounds = 200, steps = 60 };

int main(void) {
  static uint32_t grid[2][size][size];
  for (int y = 0; y < size; y++)
    for (int x = 0; x < size; x++) grid[0][y][x] = (y * 7919u + x * 104729u) % 100003;
  for (int round = 0; round < rounds; round++) {
    uint64_t sum = 0;
    for (int step = 0; step < steps; step++) {
      uint32_t(*from)[size] = grid[step % 2], (*to)[size] = grid[1 - step % 2];
#pragma omp parallel for schedule(dynamic, 16) reduction(+ : sum)
      for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
          int up = (y + size - 1) % size, down = (y + 1) % size, left = (x + size - 1) % size, right = (x + 1) % size;
          to[y][x] = (from[up][x] + from[down][x] + from[y][left] + from[y][right]) / 4 + (from[y][x] & 1);
          sum += to[y][x];
        }
    }
    printf("round %d: %llu\n", round, (unsigned long long)sum);
    fflush(stdout);
  }
}
