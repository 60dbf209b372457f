#!/usr/bin/env python3
"""Makes colour.json: what torchvision and Pillow make of small images. Needs torch, torchvision, numpy.

    python3 test/oracle/colour.py > test/oracle/colour.json
"""
import hashlib
import json

import numpy as np
import PIL
import torchvision
import torchvision.transforms.functional as F
from PIL import Image

SIDE = 8
SEED = 7


def image(rng):
    """Noise, with a part that is nearly grey: there hue and saturation round most."""
    pixels = rng.integers(0, 256, (SIDE, SIDE, 3))
    pixels[:3] = np.clip(pixels[:3, :, :1] + rng.integers(-3, 4, (3, SIDE, 3)), 0, 255)
    return pixels.astype(np.uint8)


def lattice():
    """Every fifth level of each channel: 52 * 52 * 52 colours."""
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(52, 52 * 52, 3)


ADJUST = {
    "brightness": F.adjust_brightness,
    "contrast": F.adjust_contrast,
    "saturation": F.adjust_saturation,
    "hue": F.adjust_hue,
    "grey": lambda img, _: F.to_grayscale(img, 3),
    "rotation": F.rotate,
}
AMOUNTS = {
    "brightness": [0.6, 0.83, 1.0, 1.4],
    "contrast": [0.6, 0.83, 1.0, 1.4],
    "saturation": [0.0, 0.37, 1.0, 1.9],
    "hue": [-0.5, -0.21, 0.0, 0.5],
    "grey": [0],
    "rotation": [-2.0, 0.4, 1.9, 17.0],
}
CHAIN = [("hue", 0.31), ("contrast", 1.3), ("saturation", 1.6), ("brightness", 0.7)]


def flat(img):
    return np.asarray(img).ravel().tolist()


def main():
    pixels = image(np.random.default_rng(SEED))
    cases = [
        {"adjustment": name, "amount": amount, "pixels": flat(ADJUST[name](Image.fromarray(pixels), amount))}
        for name, amounts in AMOUNTS.items()
        for amount in amounts
    ]
    chained = Image.fromarray(pixels)
    for name, amount in CHAIN:
        chained = ADJUST[name](chained, amount)
    digests = [
        {
            "adjustment": name,
            "amount": amount,
            "sha256": hashlib.sha256(np.asarray(ADJUST[name](Image.fromarray(lattice()), amount)).tobytes()).hexdigest(),
        }
        for name, amount in [("hue", 0.13), ("hue", -0.44), ("saturation", 0.37), ("saturation", 1.9), ("grey", 0)]
    ]
    about = f"numpy seed {SEED}, torchvision {torchvision.__version__.split('+')[0]}, Pillow {PIL.__version__}"
    chain = {
        "jitter": [{"adjustment": name, "amount": amount} for name, amount in CHAIN],
        "pixels": flat(chained),
    }
    print(json.dumps({"about": about, "side": SIDE, "image": flat(pixels), "cases": cases, "chain": chain, "lattice": digests}))


main()
