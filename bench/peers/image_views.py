"""Images of a folder, and the views of them that the project makes, by Pillow: torchvision's rules on 8-bit images."""
import math
import pathlib

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".avif"}
# Draws of area and aspect before the whole image is taken.
CROP_ATTEMPTS = 10


def image_paths(folder):
    """Paths of all images below the folder, relative to it, with slashes, sorted."""
    root = pathlib.Path(folder)
    found = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path.relative_to(root).as_posix() for path in found)


def decoded(path):
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def centre_view(image, size, ratio=1.0):
    """[size, size, 3] uint8: shorter side to size * ratio, then the centre, as torchvision's Resize and CenterCrop."""
    shorter = round(size * ratio)
    width, height = image.size
    scaled = (shorter, int(shorter * height / width)) if width <= height else (int(shorter * width / height), shorter)
    image = image.resize(scaled, Image.Resampling.BILINEAR)
    left, top = round((scaled[0] - size) / 2), round((scaled[1] - size) / 2)
    return np.asarray(image.crop((left, top, left + size, top + size)), dtype=np.uint8)


def random_view(image, size, changes, rng):
    """
    [size, size, 3] uint8: a random crop, mirrored at random, its colours changed at random, grey at random.

    changes: crop_area and crop_aspect [low, high], flip_probability, jitter (brightness, contrast, saturation, hue),
    jitter_probability, grey_probability.
    """
    box = draw_crop(image.size, changes.crop_area, changes.crop_aspect, rng)
    # A crop of its own: with resize(box=...) the filter would reach for pixels beyond it.
    view = image.crop(box).resize((size, size), Image.Resampling.BILINEAR)
    if rng.random() < changes.flip_probability:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < changes.jitter_probability:
        view = jittered(view, changes.jitter, rng)
    if rng.random() < changes.grey_probability:
        view = view.convert("L").convert("RGB")
    return np.asarray(view, dtype=np.uint8)


def draw_crop(image_size, area, aspect, rng):
    """(left, top, right, bottom): area uniform, aspect log-uniform; the largest centre crop where ten draws do not fit."""
    width, height = image_size
    for _ in range(CROP_ATTEMPTS):
        pixels = width * height * rng.uniform(*area)
        ratio = math.exp(rng.uniform(math.log(aspect[0]), math.log(aspect[1])))
        w, h = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = rng.integers(width - w + 1), rng.integers(height - h + 1)
            return left, top, left + w, top + h
    w = max(1, round(height * aspect[1])) if width / height > aspect[1] else width
    h = max(1, round(width / aspect[0])) if width / height < aspect[0] else height
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def jittered(view, jitter, rng):
    """Brightness, contrast, saturation and hue in random order, each where its range is above 0."""
    enhancers = [ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color]
    for i in rng.permutation(4):
        if jitter[i] == 0:
            continue
        if i == 3:
            view = turned_hue(view, rng.uniform(-jitter[i], jitter[i]))
        else:
            view = enhancers[i](view).enhance(rng.uniform(max(0, 1 - jitter[i]), 1 + jitter[i]))
    return view


def turned_hue(view, turn):
    """turn: part of the colour circle, of 256 levels."""
    steps = int(turn * 255)
    hue, saturation, value = view.convert("HSV").split()
    hue = hue.point([(level + steps) % 256 for level in range(256)])
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")
