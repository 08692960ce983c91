"""Cold and warm starts in turn, in one run; prints the medians and how many times faster the warm start is."""

import statistics
import subprocess
import sys
import time

cold, warm, rounds = sys.argv[1].split(), sys.argv[2].split(), int(sys.argv[3])


def run(command, request):
    start = time.perf_counter()
    result = subprocess.run([*command, request], stdout=subprocess.PIPE, check=True)
    return time.perf_counter() - start, result.stdout


run(cold, "w1"), run(warm, "w1")  # files are in the page cache for both
times = {"cold": [], "warm": []}
for number in range(rounds):
    seconds, expected = run(cold, f"w{number} w{number + 7}")
    times["cold"].append(seconds)
    seconds, given = run(warm, f"w{number} w{number + 7}")
    times["warm"].append(seconds)
    assert given == expected, (given, expected)
print(expected.decode().strip())
medians = {name: statistics.median(list_) * 1000 for name, list_ in times.items()}
for name, values in times.items():
    print(f"{name}: {medians[name]:7.1f} ms (of {rounds}: {min(values) * 1000:.1f} to {max(values) * 1000:.1f})")
print(f"warm is {medians['cold'] / medians['warm']:.1f} times faster")
