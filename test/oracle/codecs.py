#!/usr/bin/env python3
"""Makes codecs.json: float32 numbers rounded to bfloat16 and float16 by PyTorch, and to int8 in blocks by NumPy.

    python3 test/oracle/codecs.py > test/oracle/codecs.json

Needs numpy, torch. All numbers are the bits of a float32. What PyTorch rounds to infinity is the largest finite value here. A
block's scale is its largest magnitude / 127 with the lowest 8 bits of 24 cut off; 0 for a largest magnitude below 2^-100.
"""
import json

import numpy as np
import torch

rng = np.random.default_rng(41)
BLOCK = 256


def of_bits(bits):
    return np.asarray(bits, np.uint32).view(np.float32)


def bits_of(values):
    return [int(b) for b in np.asarray(values, np.float32).view(np.uint32)]


def neighbours(values):
    """Each value, and the float32 below and above."""
    values = np.asarray(values, np.float32)
    return np.concatenate([values, np.nextafter(values, np.float32(0)), np.nextafter(values, np.float32(np.inf))])


def ties(dtype, patterns):
    """Values half way between a number of 16 bits and the next, and their neighbours."""
    low = torch.from_numpy(np.asarray(patterns, np.uint16).view(np.int16)).view(dtype).to(torch.float64).numpy()
    high = torch.from_numpy((np.asarray(patterns, np.uint16) + 1).view(np.int16)).view(dtype).to(torch.float64).numpy()
    return neighbours(((low + high) / 2).astype(np.float32))


SPECIAL = of_bits([
    0x00000000, 0x00000001, 0x00000002, 0x007FFFFF, 0x00800000, 0x00800001, 0x7F7FFFFF, 0x7F7F0000, 0x7F7F7FFF, 0x7F7F8000,
    0x477FE000, 0x477FEFFF, 0x477FF000, 0x477FF001, 0x47800000, 0x33000000, 0x33000001, 0x32FFFFFF, 0x33800000, 0x33C00000,
    0x387FC000, 0x387FE000, 0x387FFFFF, 0x38800000, 0x3F800000, 0x3F808000, 0x3F818000, 0x3F801000, 0x3F803000,
])
RANDOM = of_bits(rng.integers(0, 0x7F800000, 600))
USUAL = (rng.normal(size=300) * 10.0 ** rng.integers(-7, 5, 300)).astype(np.float32)
POSITIVE = np.concatenate([
    SPECIAL, RANDOM, np.abs(USUAL),
    ties(torch.bfloat16, rng.integers(0, 0x7F7F, 100)), ties(torch.float16, rng.integers(0, 0x7BFF, 100)),
    ties(torch.float16, rng.integers(0, 0x400, 30)),
])
VALUES = np.concatenate([POSITIVE, -POSITIVE])


def halved(dtype):
    rounded = torch.from_numpy(VALUES).to(dtype)
    most = torch.finfo(dtype).max
    return bits_of(torch.clamp(rounded.to(torch.float32), -most, most).numpy())


def int8_rounded(block):
    largest = np.abs(block).max()
    if largest < np.float32(2.0**-100):
        return np.zeros_like(block)
    scale = of_bits([(np.float32(largest / np.float32(127)).view(np.uint32)) & 0xFFFFFF00])[0]
    return np.rint(block / scale).astype(np.int8).astype(np.float32) * scale


def block_of(scale):
    return (rng.normal(size=BLOCK) * scale).astype(np.float32)


# Ties: multiples of half a scale of 1, whose largest is 127.
HALVES = np.concatenate([[127], rng.integers(-253, 254, BLOCK - 1) / 2]).astype(np.float32)
BLOCKS = [
    block_of(1), block_of(1e-3), block_of(1e4), block_of(1e-29), block_of(1e-33), HALVES,
    np.zeros(BLOCK, np.float32), -np.abs(block_of(1)), block_of(1e37), of_bits(rng.integers(0, 0x7F800000, BLOCK)),
    np.concatenate([np.full(BLOCK - 1, 1e-44), [3.4028234e38]]).astype(np.float32), block_of(1)[:7],
]

print(json.dumps({
    "made with": f"NumPy {np.__version__}, PyTorch {torch.__version__}",
    "values": bits_of(VALUES),
    "bfloat16": halved(torch.bfloat16),
    "float16": halved(torch.float16),
    "blocks": [bits_of(block) for block in BLOCKS],
    "int8": [bits_of(int8_rounded(block)) for block in BLOCKS],
}, separators=(",", ":")))
