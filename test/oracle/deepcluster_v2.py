#!/usr/bin/env python3
"""Makes deepcluster_v2.json: DeepCluster-v2's loss and multi-crop by autograd, its clustering and blur by NumPy and SciPy.

    python3 test/oracle/deepcluster_v2.py > test/oracle/deepcluster_v2.json

Needs numpy, scipy, torch. Sources: Caron et al. 2020 (arXiv:2006.09882), section 4 and appendix.
"""
import json

import numpy as np
import scipy
import torch
from scipy.ndimage import gaussian_filter1d

rng = np.random.default_rng(11)


def floats(*shape):
    return rng.normal(size=shape).astype(np.float32)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def listed(values):
    return np.asarray(values).ravel().tolist()


def loss_case(images, crops, heads, clusters, dim, temperature):
    """The crops of an image lie one behind the other and share its targets."""
    features = floats(images * crops, dim)
    prototypes = unit(floats(heads, clusters, dim)).astype(np.float32)
    targets = rng.integers(0, clusters, (images, heads))
    f = torch.tensor(features, dtype=torch.float64, requires_grad=True)
    z = torch.nn.functional.normalize(f, dim=1)
    loss = torch.zeros((), dtype=torch.float64)
    for head in range(heads):
        logits = z @ torch.tensor(prototypes[head], dtype=torch.float64).T / temperature
        own = torch.tensor(np.repeat(targets[:, head], crops))
        # The sum over images of the mean over crops and heads.
        loss = loss + torch.nn.functional.cross_entropy(logits, own, reduction="sum") / crops / heads
    loss.backward()
    return {
        **{"crops": crops, "heads": heads, "clusters": clusters, "dim": dim},
        **{"temperature": temperature, "features": listed(features)},
        **{"prototypes": listed(prototypes), "targets": listed(targets)},
        **{"loss": loss.item(), "rows": listed(z.detach()), "gradient": listed(f.grad)},
    }


def spherical_kmeans(rows, start, iterations):
    """Assign to the largest dot product; a centroid is the sum of its rows, of length 1. No cluster gets empty here."""
    centroids = rows[start]
    for _ in range(iterations):
        labels = np.argmax(rows @ centroids.T, axis=1)
        assert len(set(labels)) == len(start)
        centroids = unit(np.stack([rows[labels == c].sum(0) for c in range(len(start))]))
    return centroids, np.argmax(rows @ centroids.T, axis=1)


def clustering_case():
    middles = unit(np.array([[1.0, 0.2, 0], [0, 1, 0.3], [-0.5, 0.1, 1], [-1, -1, -1]]))
    rows = unit(np.repeat(middles, 6, 0) + 0.4 * floats(24, 3)).astype(np.float32)
    start = [0, 6, 12, 18]
    centroids, labels = spherical_kmeans(rows.astype(np.float64), start, 4)
    return {
        **{"rows": listed(rows), "dim": 3, "start": start, "iterations": 4},
        **{"centroids": listed(centroids), "labels": listed(labels)},
    }


def blur_case(side, deviation):
    image = rng.integers(0, 256, (side, side, 3)).astype(np.uint8)
    blurred = image.astype(np.float64)
    for axis in (1, 0):
        blurred = gaussian_filter1d(blurred, deviation, axis=axis, mode="nearest", truncate=3)
    return {
        **{"side": side, "deviation": deviation, "image": listed(image)},
        "blurred": listed(blurred),
    }


def pattern(count, salt):
    """[count] between -1 and 1: what the test makes by the same formula."""
    index = np.arange(count, dtype=np.float64)
    return np.sin(salt + 0.7 * index * index + 1.3 * index).astype(np.float32).astype(np.float64)


def pixels(images, size, salt):
    """[images, size, size, 3]"""
    index = np.arange(images * size * size * 3, dtype=np.int64)
    return ((index * 7919 + (index // 97) * 104729 + salt) % 251).reshape(images, size, size, 3)


class TinyConvnet(torch.nn.Module):
    """small-convnet of width 4 with a projection, on colours: four times convolution, batch norm, ReLU, pooling; mean; projection."""

    def __init__(self, hidden, dim):
        super().__init__()
        nn = torch.nn
        maps = []
        for inputs, outputs, kernel, stride, padding in [(3, 4, 5, 2, 2), (4, 8, 3, 1, 1), (8, 16, 3, 1, 1), (16, 16, 3, 1, 1)]:
            maps += [nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
        self.maps = nn.Sequential(*maps)
        self.neck = nn.Sequential(nn.Linear(16, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, dim))

    def forward(self, views):
        mean = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).view(1, 3, 1, 1)
        std = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).view(1, 3, 1, 1)
        x = (torch.tensor(views).permute(0, 3, 1, 2).double() / 255 - mean) / std
        return self.neck(self.maps(x).mean(dim=(2, 3)))


def engine_order(tensor):
    """Of a weight or its gradient: [kh, kw, in, out] and [in, out]."""
    return tensor.permute(2, 3, 1, 0) if tensor.dim() == 4 else tensor.T if tensor.dim() == 2 else tensor


def fill(parameters):
    """Parameter p in the engine's order is pattern(p), scaled by fan-in; scales of norms are about 1, shifts about 0."""
    for salt, (name, parameter) in enumerate(parameters):
        values = torch.tensor(pattern(parameter.numel(), salt))
        with torch.no_grad():
            if parameter.dim() > 1:
                own = engine_order(parameter)
                scale = (2 / (own.numel() / own.shape[-1])) ** 0.5
                own.copy_((scale * values).view(own.shape))
            else:
                is_scale = name.endswith("weight")
                parameter.copy_(0.2 * values + (1 if is_scale else 0))


def multi_crop_case(images, crops, small_crops, size, small_size, heads, clusters, dim, temperature, momentum):
    net = TinyConvnet(hidden=10, dim=dim).double()
    parameters = list(net.named_parameters())
    fill(parameters)
    norms = [module for module in net.modules() if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.BatchNorm1d))]
    for norm in norms:
        norm.momentum = momentum
    prototypes = unit(floats(heads, clusters, dim)).astype(np.float32)
    targets = rng.integers(0, clusters, (images, heads))
    loss = torch.zeros((), dtype=torch.float64)
    rows = []
    # Each size is a batch of its own, the large one first.
    for count, side in [(crops, size), (small_crops, small_size)]:
        z = torch.nn.functional.normalize(net(pixels(images * count, side, side)), dim=1)
        rows.append(z)
        own = torch.tensor(np.repeat(targets, count, axis=0))
        for head in range(heads):
            logits = z @ torch.tensor(prototypes[head], dtype=torch.float64).T / temperature
            loss = loss + torch.nn.functional.cross_entropy(logits, own[:, head], reduction="sum") / heads
    loss = loss / (crops + small_crops)
    loss.backward()
    gradient = np.concatenate([engine_order(p.grad).reshape(-1).numpy() for _, p in parameters])
    running = np.concatenate([part.numpy() for norm in norms for part in (norm.running_mean, norm.running_var)])
    return {
        **{"images": images, "crops": crops, "smallCrops": small_crops, "size": size, "smallSize": small_size},
        **{"heads": heads, "clusters": clusters, "dim": dim, "temperature": temperature, "momentum": momentum},
        **{"prototypes": listed(prototypes), "targets": listed(targets), "loss": loss.item()},
        **{"rows": listed(rows[0].detach()), "gradient": [float(f"{g:.9g}") for g in gradient], "running": listed(running)},
    }


print(
    json.dumps(
        {
            "made with": f"NumPy {np.__version__}, SciPy {scipy.__version__}, PyTorch {torch.__version__}",
            "losses": [
                loss_case(images=3, crops=2, heads=2, clusters=5, dim=4, temperature=0.1),
                loss_case(images=4, crops=1, heads=1, clusters=3, dim=6, temperature=1),
                loss_case(images=2, crops=3, heads=3, clusters=7, dim=5, temperature=0.3),
            ],
            "clustering": clustering_case(),
            "blurs": [blur_case(7, 0.5), blur_case(9, 1.3), blur_case(5, 2.0)],
            "multiCrop": multi_crop_case(
                **{"images": 5, "crops": 2, "small_crops": 2, "size": 64, "small_size": 32},
                **{"heads": 2, "clusters": 4, "dim": 6, "temperature": 0.5, "momentum": 0.3},
            ),
        }
    )
)
