"""Adds up, saves itself half-way and ends; the restarted process does the rest. Without the agent it runs in one go."""

import ckpt

sums = []


@ckpt.restarted
def announce():
    print("restarted: connections would be made again here")


@ckpt.checkpointed("steps.ckpt", every=500, exit=0, label="half-way")
def step(number):
    sums.append(number)
    if number == 500:
        print("half-way:", sum(sums))
    return number


for number in range(1, 1000):
    step(number)
print(f"sum: {sum(sums)}, after {ckpt.restarts()} restarts")
assert sum(sums) == 499500
