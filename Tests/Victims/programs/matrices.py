"""numpy with BLAS threads: products of matrices of small integers (exact in doubles), one line per round."""
import sys

import numpy

generator = numpy.random.default_rng(1)
left = generator.integers(0, 10, (700, 700)).astype(float)
for round in range(40):
    right = generator.integers(0, 10, (700, 700)).astype(float)
    product = left @ right
    left = product % 10
    text = {key: float(product[key, :].sum()) for key in range(0, 700, 233)}
    print("round", round, text, sorted(text.values())[0])
    sys.stdout.flush()
