#!/usr/bin/env python3
"""Makes optimizers.json: steps of SGD by PyTorch, with and without decay of vectors, and of LARS by NumPy;
rounds of the outer optimizer of mode `local` by PyTorch, with the gradients as moves.

    python3 test/oracle/optimizers.py > test/oracle/optimizers.json

Needs numpy, torch. Source of LARS: You et al. 2017 (arXiv:1708.03888), eq. 6 and algorithm 1, with the learning rate outside the
momentum as SGD has it here; vectors have neither an own rate nor a decay.
"""
import json

import numpy as np
import torch

rng = np.random.default_rng(23)

VARIABLES = [
    {"name": "conv.weight", "shape": [3, 3, 2, 4], "group": "body"},
    {"name": "norm.weight", "shape": [4], "group": "body"},
    {"name": "norm.bias", "shape": [4], "group": "body"},
    {"name": "fc.weight", "shape": [4, 5], "group": "body"},
    {"name": "still.weight", "shape": [2, 3], "group": "body"},
    {"name": "zero.weight", "shape": [3, 2], "group": "body"},
    {"name": "head.weight", "shape": [5, 3], "group": "head"},
    {"name": "head.bias", "shape": [3], "group": "head"},
]
RATES = {"body": 0.3, "head": 0.7}
MOMENTUM, DECAY, TRUST = 0.9, 0.05, 0.02
OUTER_RATE = 0.7
FACTORS = [0.25, 1, 1, 0.6]


def floats(shape):
    return rng.normal(size=shape).astype(np.float32).astype(np.float64)


def is_vector(variable):
    return len(variable["shape"]) == 1


# One variable begins at zero, another never has a gradient: LARS has no rate of their own for them.
BEGIN = [floats(v["shape"]) * (v["name"] != "zero.weight") for v in VARIABLES]
GRADIENTS = [[floats(v["shape"]) * (v["name"] != "still.weight") for v in VARIABLES] for _ in FACTORS]


def flat(arrays):
    return np.concatenate([np.ravel(a) for a in arrays]).tolist()


def by_torch(decays_vectors):
    """Parameter groups of torch.optim.SGD: the head has no momentum."""
    parameters = [torch.tensor(b, requires_grad=True) for b in BEGIN]
    groups = [
        {
            **{"params": [p], "lr": RATES[v["group"]], "momentum": MOMENTUM if v["group"] == "body" else 0},
            "weight_decay": DECAY if decays_vectors or not is_vector(v) else 0,
        }
        for v, p in zip(VARIABLES, parameters)
    ]
    optimizer = torch.optim.SGD(groups, lr=1)
    steps = []
    for factor, gradients in zip(FACTORS, GRADIENTS):
        for group, v in zip(optimizer.param_groups, VARIABLES):
            group["lr"] = RATES[v["group"]] * factor
        for p, g in zip(parameters, gradients):
            p.grad = torch.tensor(g)
        optimizer.step()
        steps.append(flat([p.detach().numpy() for p in parameters]))
    return steps


def by_outer(nesterov):
    """DiLoCo (arXiv:2311.08105), algorithm 1: SGD with momentum on the mean moves; the head has no momentum."""
    parameters = [torch.tensor(b, requires_grad=True) for b in BEGIN]
    groups = [
        {"params": [p], "momentum": MOMENTUM, "nesterov": nesterov} if v["group"] == "body" else {"params": [p]}
        for v, p in zip(VARIABLES, parameters)
    ]
    optimizer = torch.optim.SGD(groups, lr=OUTER_RATE)
    steps = []
    for moves in GRADIENTS:
        for p, move in zip(parameters, moves):
            p.grad = torch.tensor(move)
        optimizer.step()
        steps.append(flat([p.detach().numpy() for p in parameters]))
    return steps


def by_lars():
    parameters = [b.copy() for b in BEGIN]
    velocity = [np.zeros_like(b) for b in BEGIN]
    steps = []
    for factor, gradients in zip(FACTORS, GRADIENTS):
        for i, (v, g) in enumerate(zip(VARIABLES, gradients)):
            w = parameters[i]
            step = g
            if not is_vector(v):
                w_norm, g_norm = np.sqrt((w**2).sum()), np.sqrt((g**2).sum())
                own_rate = TRUST * w_norm / (g_norm + DECAY * w_norm) if w_norm > 0 and g_norm > 0 else 1
                step = own_rate * (g + DECAY * w)
            velocity[i] = (MOMENTUM if v["group"] == "body" else 0) * velocity[i] + step
            parameters[i] = w - RATES[v["group"]] * factor * velocity[i]
        steps.append(flat(parameters))
    return steps


print(
    json.dumps(
        {
            "made with": f"NumPy {np.__version__}, PyTorch {torch.__version__}",
            **{"variables": VARIABLES, "learningRate": RATES["body"], "headLearningRate": RATES["head"]},
            **{"momentum": MOMENTUM, "weightDecay": DECAY, "larsTrust": TRUST, "factors": FACTORS},
            **{"begin": flat(BEGIN), "gradients": [flat(g) for g in GRADIENTS]},
            **{"sgd": by_torch(True), "sgdWithoutVectors": by_torch(False), "lars": by_lars()},
            **{"outerLearningRate": OUTER_RATE, "outer": by_outer(False), "outerNesterov": by_outer(True)},
        }
    )
)
