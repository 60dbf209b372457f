#!/usr/bin/env python3
"""Makes deepcluster_v2.json: DeepCluster-v2's loss by autograd, its clustering and its blur by NumPy and SciPy.

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
        }
    )
)
