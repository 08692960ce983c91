"""A server that is warmed up once: imports numpy, reads a model (text), and answers one request, given as argument.

Cold: everything at every start. Warm: `serve.py --warm FILE` makes a snapshot executable behind the reading; what is
given to that executable reaches the program by ckpt.restart_arguments().
"""

import sys

import numpy

import ckpt


def read_model(path):
    """A matrix as text, one row a line: what takes its time at every cold start."""
    with open(path) as file:
        return numpy.array([[float(word) for word in line.split()] for line in file])


def answer(model, request):
    """The model applied to the request's letters."""
    vector = numpy.zeros(model.shape[1])
    for letter in request.encode():
        vector[letter] += 1
    return float(numpy.tanh(model @ vector).sum())


path, *arguments = sys.argv[1:]
model = read_model(path)
if arguments[0] == "--warm":
    if ckpt.checkpoint(arguments[1], executable=True, label="model is read") is ckpt.SAVED:
        sys.exit()
    arguments = ckpt.restart_arguments()[1:]
print(f"{arguments[0]}: {answer(model, arguments[0]):.6f}")
