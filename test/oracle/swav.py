#!/usr/bin/env python3
"""Makes swav.json: SwAV's codes by NumPy, and its loss behind a projection by autograd.

    python3 test/oracle/swav.py > test/oracle/swav.json

Needs numpy, torch. Sources: Cuturi 2013 (arXiv:1306.0895); Caron et al. 2020 (arXiv:2006.09882), section 3.1.
"""
import json

import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.default_rng(17)


def floats(*shape):
    return rng.normal(size=shape).astype(np.float32)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def listed(values):
    return np.asarray(values).ravel().tolist()


def sinkhorn(scores, epsilon, iterations):
    """As section 3.1 has it: the whole matrix of mass 1, prototypes scaled to 1 / K, then samples to 1 / n."""
    q = np.exp((scores - scores.max()) / epsilon).T
    q /= q.sum()
    clusters, rows = q.shape
    for _ in range(iterations):
        q /= q.sum(1, keepdims=True) * clusters
        q /= q.sum(0, keepdims=True) * rows
    return (q * rows).T


def codes_case(rows, clusters, epsilon, iterations):
    scores = (unit(floats(rows, 6)) @ unit(floats(clusters, 6)).T).astype(np.float32)
    return {
        **{"clusters": clusters, "epsilon": epsilon, "iterations": iterations, "scores": listed(scores)},
        "codes": listed(sinkhorn(scores.astype(np.float64), epsilon, iterations)),
    }


def loss_case(images, crops, queued, clusters, temperature, epsilon, iterations):
    """
    A batch through fully connected, batch norm, ReLU, fully connected, and cosines with the prototypes. The crops of an
    image lie one behind the other.
    """
    inputs, hidden, dim = 7, 9, 5
    x = floats(images * crops, inputs)
    queue = unit(floats(queued, crops, dim))
    arrays = {
        "neck.fc0.weight": floats(inputs, hidden),
        "neck.fc0.bias": floats(hidden),
        "neck.bn0.weight": 1 + 0.2 * floats(hidden),
        "neck.bn0.bias": floats(hidden),
        "neck.fc1.weight": floats(hidden, dim),
        "neck.fc1.bias": floats(dim),
        "neck.prototypes.weight": 2 * floats(dim, clusters),
    }
    p = {name: torch.tensor(a, dtype=torch.float64, requires_grad=True) for name, a in arrays.items()}
    h = torch.tensor(x, dtype=torch.float64) @ p["neck.fc0.weight"] + p["neck.fc0.bias"]
    h = F.relu(F.batch_norm(h, None, None, p["neck.bn0.weight"], p["neck.bn0.bias"], training=True, eps=1e-5))
    z = F.normalize(h @ p["neck.fc1.weight"] + p["neck.fc1.bias"], dim=1)
    c = F.normalize(p["neck.prototypes.weight"], dim=0)
    own = (z @ c).reshape(images, crops, clusters)
    of_queue = queue.astype(np.float64) @ c.detach().numpy()
    loss = torch.zeros((), dtype=torch.float64)
    for v in range(crops):
        scores = np.concatenate([of_queue[:, v], own[:, v].detach().numpy()])
        q = torch.tensor(sinkhorn(scores, epsilon, iterations)[queued:])
        for w in range(crops):
            if w != v:
                log = F.log_softmax(own[:, w] / temperature, dim=1)
                loss = loss - (q * log).sum() / (crops * (crops - 1))
    loss.backward()
    return {
        **{"images": images, "crops": crops, "clusters": clusters, "temperature": temperature},
        **{"epsilon": epsilon, "iterations": iterations, "inputs": inputs, "hidden": hidden, "dim": dim},
        **{"x": listed(x), "queue": listed(queue), "loss": loss.item(), "rows": listed(z.detach())},
        "parameters": {name: listed(a) for name, a in arrays.items()},
        "gradients": {name: listed(v.grad) for name, v in p.items()},
    }


print(
    json.dumps(
        {
            "made with": f"NumPy {np.__version__}, PyTorch {torch.__version__}",
            "codes": [
                codes_case(rows=6, clusters=4, epsilon=0.05, iterations=3),
                codes_case(rows=3, clusters=7, epsilon=0.5, iterations=1),
                codes_case(rows=12, clusters=5, epsilon=0.02, iterations=10),
            ],
            "losses": [
                loss_case(images=5, crops=2, queued=0, clusters=4, temperature=0.1, epsilon=0.05, iterations=3),
                loss_case(images=3, crops=2, queued=6, clusters=5, temperature=0.2, epsilon=0.05, iterations=3),
                loss_case(images=4, crops=3, queued=4, clusters=3, temperature=0.5, epsilon=0.1, iterations=2),
            ],
        }
    )
)
