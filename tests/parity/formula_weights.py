"""Weights by formula: clip_golden.json's numbers (FNV-1a of the name, a hash of the index) in [-1, 1), scaled by what the tensor is.
formula_weights.h is the same in C++."""

import re

import numpy
import torch


def numbers(name, count):
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    h = (numpy.uint64(seed) + numpy.arange(count, dtype=numpy.uint64) * numpy.uint64(2654435761)) & numpy.uint64(0xFFFFFFFF)
    h ^= h >> numpy.uint64(16)
    h = h * numpy.uint64(2246822519) & numpy.uint64(0xFFFFFFFF)
    h ^= h >> numpy.uint64(13)
    u = (h >> numpy.uint64(8)).astype(numpy.float32) / numpy.float32(2**24)
    return numpy.float32(2) * u - numpy.float32(1)


def fill(name, shape):
    if name == "logit_scale":
        return torch.tensor(2.5)
    s = numbers(name, int(numpy.prod(shape)))
    if name.endswith("running_var"):
        values = numpy.float32(1.25) + numpy.float32(0.25) * s
    elif name.endswith(("running_mean", "bias")):
        values = numpy.float32(0.1) * s
    elif name.endswith("weight") and re.search(r"ln_|norm|layrnorm|bn\d|downsample\.1", name):
        values = numpy.float32(1) + numpy.float32(0.1) * s
    else:
        values = numpy.float32(0.25) * s
    return torch.from_numpy(values.astype(numpy.float32)).reshape(tuple(shape))
