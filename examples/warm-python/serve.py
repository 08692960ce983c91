"""A server that is warmed up once: imports numpy, reads a model (text), and answers one request, given as argument.

Cold: everything at every start. Warm: `serve.py --warm FILE` makes a snapshot executable behind the reading; what is
given to that executable reaches the program by ckpt.restart_arguments().
"""

import gc
import sys

import numpy

import ckpt


def read_model(path):
    """How often words stand together, from lines `word word weight`: what takes its time at every cold start."""
    words, pairs = {}, []
    with open(path) as file:
        for line in file:
            left, right, weight = line.split()
            pairs.append((words.setdefault(left, len(words)), words.setdefault(right, len(words)), float(weight)))
    weights = numpy.zeros((len(words), len(words)))
    for left, right, weight in pairs:
        weights[left, right] += weight
    return words, weights


def answer(words, weights, request):
    """The word that stands nearest to those of the request."""
    known = [words[word] for word in request.split() if word in words]
    nearest = int(numpy.tanh(weights[known].sum(axis=0)).argmax())
    return next(word for word, number in words.items() if number == nearest)


path, *arguments = sys.argv[1:]
words, weights = read_model(path)
if arguments[0] == "--warm":
    gc.collect()
    if ckpt.checkpoint(arguments[1], executable=True, label="model is read") is ckpt.SAVED:
        sys.exit()
    arguments = ckpt.restart_arguments()[1:]
print(f"{arguments[0]}: {answer(words, weights, arguments[0])}")
