#!/usr/bin/env python3
"""Makes networks.json and small-network.safetensors: what PyTorch computes for the project's networks, in float64.

    python3 test/oracle/make_network_oracle.py

Made with Python 3.11, torch 2.15.0, numpy 2.4.6, safetensors 0.8.0, on a CPU; the only seeds are those in CASES.
The networks are those of bench/peers/networks.py. No weight is stored: weights, running statistics, images and labels follow
from a rule in integers, the same to the bit in test/support/oracles/network-rule.ts:

    hash(name, i)  FNV-1a (32 bits) of the name, plus i * 0x9E3779B9 (mod 2^32), through the finaliser of murmur3
    unit(name, i)  (hash >> 8) / 2^24 - 0.5, in [-0.5, 0.5): exact in float32

    weights        of convolutions and fully connected layers: unit * sqrt(24 / inputs of an output), variance 2 / inputs
    scales         of batch norms: 1 + unit / 2
    biases         and shifts of batch norms: unit / 5; of the batch norms in ResNet-50's backbone unit + 2, or unit - 2 where
                   unit is negative, so that of its million ReLUs few come close to zero
    last norms     of its residual branches (bn3): a quarter of both, or 16 blocks in a row would make float32's error
                   grow a thousandfold
    running_mean   unit * 2 / 5;  running_var  1 + unit; all in float64, then rounded to float32
    images         bytes [B, H, W, 3]: (3 * coarse + fine) >> 2, the upper bytes of hash("images SEED fine", i) and of
                   hash("images SEED coarse", cell), where cells are a quarter of a side: [B, 4, 4, 3]
    labels         hash("labels SEED", i) mod K

where i counts an array's elements row by row in PyTorch's order. Dropout is off. Of a gradient stand here its norm, elements
at eight fixed places, and its scalar products with eight vectors of signs: sign j at i is that of bit j of
hash("signs NAME", i), a set bit negative. The mean square of the products' errors estimates the squared norm of the error.
A ReLU or a maximum that float32 decides otherwise than float64 is no error of either, but would look like one: of a few
seeds the one whose closest call is the clearest was taken (`--search N`), and `margin` says how clear, in units of the root
mean square error of PyTorch's own float32 in that layer.
"""
import argparse
import copy
import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "bench" / "peers"))
from networks import network  # noqa: E402

CASES = [
    dict(architecture="alexnet-bn", sobel=True, size=224, batch=2, classes=10, seed=2),
    dict(architecture="alexnet-bn", sobel=False, size=224, batch=2, classes=10, seed=6),
    dict(architecture="vgg16-bn", sobel=True, size=64, batch=2, classes=10, seed=4),
    dict(architecture="resnet50", neck="odc", sobel=False, size=34, batch=5, classes=10, seed=6),
    dict(architecture="resnet50", neck="none", sobel=False, size=36, batch=4, classes=10, seed=2),
    dict(architecture="resnet18", neck="none", sobel=False, size=36, batch=4, classes=10, seed=12),
    dict(architecture="small-resnet", neck="none", sobel=False, size=16, batch=4, classes=10, width=8, seed=2),
    dict(architecture="small-resnet", neck="odc", sobel=True, size=16, batch=4, classes=10, width=8, seed=4),
    dict(architecture="small-convnet", sobel=True, size=64, batch=8, classes=10, width=32, feature_dim=256, seed=1),
    dict(architecture="small-convnet", sobel=False, size=64, batch=8, classes=10, width=32, feature_dim=256, seed=3),
    dict(architecture="small-convnet", sobel=True, size=32, batch=6, classes=3, width=4, feature_dim=8, seed=2),
]
PRODUCTS, PLACES = 8, 8


def hashes(name, count):
    h = 0x811C9DC5
    for byte in name.encode():
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    x = np.arange(count, dtype=np.uint32)
    x *= np.uint32(0x9E3779B9)
    x += np.uint32(h)
    x ^= x >> 16
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> 13
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> 16
    return x


def units(name, count):
    return (hashes(name, count) >> 8).astype(np.float64) / 2**24 - 0.5


def values(name, shape):
    """An array of the network by the rule, rounded to float32."""
    unit = units(name, int(np.prod(shape)))
    if name.endswith("running_mean"):
        unit *= 2 / 5
    elif name.endswith("running_var"):
        unit += 1
    elif len(shape) > 1:
        unit *= np.sqrt(24 / np.prod(shape[1:]))
    elif name.endswith("weight"):
        unit = 1 + unit / 2
    elif name.startswith("backbone"):
        unit += np.where(unit < 0, -2, 2)
    else:
        unit *= 1 / 5
    if ".bn3." in name and not name.endswith(("running_mean", "running_var")):
        unit /= 4
    return unit.astype(np.float32).reshape(shape)


def images(seed, batch, size):
    fine = hashes(f"images {seed} fine", batch * size * size * 3).reshape(batch, size, size, 3) >> 24
    coarse = hashes(f"images {seed} coarse", batch * 4 * 4 * 3).reshape(batch, 4, 4, 3) >> 24
    cell = np.arange(size) * 4 // size
    return (3 * coarse[:, cell][:, :, cell] + fine) >> 2


def normalised(pixels):
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return torch.from_numpy((pixels / 255 - mean) / std).permute(0, 3, 1, 2).contiguous()


def build(case):
    options = {k: v for k, v in case.items() if k not in ("seed", "batch")}
    with torch.device("meta"):
        model = network(**options, dropout=0.0)
    model = model.to_empty(device="cpu").double()
    with torch.no_grad():
        for name, array in model.state_dict(keep_vars=True).items():
            if not name.startswith("sobel") and not name.endswith("num_batches_tracked"):
                array.copy_(torch.from_numpy(values(name, tuple(array.shape))))
        if case["sobel"]:
            model.sobel.reset()
    return model


class Calls(torch.overrides.TorchFunctionMode):
    """Watches every ReLU and pooling of a pass in float64 beside the same pass in float32, or that pass itself."""

    def __init__(self, narrow=None):
        super().__init__()
        self.inputs, self.narrow, self.margin = [], narrow, float("inf")

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func.__name__ in ("relu", "max_pool2d"):
            x = args[0].detach()
            if self.narrow is None:
                self.inputs.append(x)
            elif func.__name__ == "relu":
                self.note(x.abs(), x)
            else:
                options = {k: v for k, v in kwargs.items() if k in ("stride", "padding")}
                self.note(pool_distances(x, *args[1:], **options), x)
        return func(*args, **kwargs)

    def note(self, distances, x):
        """The margin is the closest call, over the root mean square of what float32 errs by in that layer."""
        error = (self.narrow.inputs.pop(0) - x).square().mean().sqrt()
        self.margin = min(self.margin, (distances.min() / error).item())


def pool_distances(x, kernel, stride, padding=0):
    """By how much the largest element of each window leads; where it is zero, the ReLU before lets nothing through."""
    maps = functional.pad(x.flatten(0, 1)[:, None], [padding] * 4)
    two = functional.unfold(maps, kernel, stride=stride).topk(2, dim=1).values
    return (two[:, 0] - two[:, 1])[two[:, 0] > 0]


def margin_of(model, x):
    """How clear the closest call of the training pass is."""
    buffers = {name: array.clone() for name, array in model.named_buffers()}
    with torch.no_grad(), Calls() as narrow:
        copy.deepcopy(model).float().train()(x.float())
    with torch.no_grad(), Calls(narrow) as calls:
        model.train()(x)
    model.load_state_dict(buffers, strict=False)
    return calls.margin


def digest(name, array):
    """Norm, elements and products of an array, as the header says."""
    flat = array.detach().numpy().reshape(-1)
    signs = hashes(f"signs {name}", flat.size)
    products = [flat @ (1.0 - 2.0 * (signs >> j & 1)) for j in range(PRODUCTS)]
    places = [(2 * p + 1) * flat.size // (2 * PLACES) for p in range(PLACES)]
    return dict(norm=figure(np.linalg.norm(flat)), at=figures(flat[places]), products=figures(products))


def figure(value):
    return float(f"{value:.9g}")


def figures(array):
    return [figure(v) for v in np.asarray(array).reshape(-1)]


def compute(model, case, seed):
    """Features in evaluation mode; then a training step's logits, loss, gradient and batch statistics."""
    pixels = images(seed, case["batch"], case["size"])
    labels = hashes(f"labels {seed}", case["batch"]) % case["classes"]
    x = normalised(pixels)
    with torch.no_grad():
        features = model.eval().represent(x)
    saved = {name: array.clone() for name, array in model.named_buffers()}
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.momentum = 1.0  # the running average becomes the batch's own
    model.train().zero_grad()
    logits = model(x)
    loss = functional.cross_entropy(logits, torch.from_numpy(labels.astype(np.int64)), reduction="sum")
    loss.backward()
    statistics = {n: b.clone() for n, b in model.named_buffers() if not n.endswith("num_batches_tracked")}
    model.load_state_dict(saved, strict=False)
    return dict(
        margin=margin_of(model, x), images=pixels.astype(np.uint8), labels=labels.astype(np.int32),
        features=features, logits=logits.detach(), loss=loss.item(), statistics=statistics,
        gradient={n: p.grad for n, p in model.named_parameters() if p.requires_grad},
    )  # fmt: skip


def digested(case, result):
    parameters = sum(g.numel() for g in result["gradient"].values())
    return dict(
        **case,
        parameters=parameters,
        margin=figure(result["margin"]),
        loss=figure(result["loss"]),
        logits=figures(result["logits"]),
        features=digest("features", result["features"]),
        statistics={n: digest(n, s) for n, s in result["statistics"].items()},
        gradient={n: digest(n, g) for n, g in result["gradient"].items()},
    )


def save_whole(path, model, result):
    """Every number of a small network: what went in as float32, what came out as float64."""
    arrays = {k: result[k] for k in ("images", "labels")}
    state = {n: a for n, a in model.state_dict().items() if not n.endswith("num_batches_tracked")}
    arrays |= {n: a.numpy().astype(np.float32) for n, a in state.items() if not n.startswith("sobel")}
    arrays |= {k: result[k].numpy() for k in ("logits", "features")} | {"loss": np.array([result["loss"]])}
    for kind in ("gradient", "statistics"):
        arrays |= {f"{kind}.{n}": a.numpy() for n, a in result[kind].items()}
    save_file({n: np.ascontiguousarray(a) for n, a in arrays.items()}, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--search", type=int, help="print the margins of seeds 1 .. N instead")
    parser.add_argument("--only", default="", help="with --search: cases of this architecture")
    options = parser.parse_args()
    cases = []
    for case in CASES:
        if options.search:
            if case["architecture"].startswith(options.only):
                search(case, options.search)
            continue
        model = build(case)
        result = compute(model, case, case["seed"])
        cases.append(digested(case, result))
        print(f"{case}: margin {result['margin']:.1f}", flush=True)
    if not options.search:
        # The last case is the small one.
        save_whole(HERE / "small-network.safetensors", model, result)
        lines = ",\n".join(json.dumps(case) for case in cases)
        (HERE / "networks.json").write_text(f"[\n{lines}\n]\n")


def search(case, count):
    model = build(case)
    inputs = {seed: normalised(images(seed, case["batch"], case["size"])) for seed in range(1, count + 1)}
    margins = {seed: margin_of(model, x) for seed, x in inputs.items()}
    best = sorted(margins, key=margins.get, reverse=True)[:3]
    print(case, "best seeds:", ", ".join(f"{s} ({margins[s]:.1f})" for s in best), flush=True)


if __name__ == "__main__":
    main()
