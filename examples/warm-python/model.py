"""Writes a model: 1,200,000 lines of two words and a weight, always the same."""

import random

random.seed(1)
for _ in range(1_200_000):
    print(f"w{random.randrange(800)} w{random.randrange(800)} {random.random():.6f}")
