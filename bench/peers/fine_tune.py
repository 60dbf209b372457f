#!/usr/bin/env python3
"""A classifier from an export and a few labelled images of each class.

    deepcluster export --run RUN --to safetensors --out pets.safetensors
    python3 bench/peers/fine_tune.py pets.safetensors --train TRAIN --test TEST --labels 20 --out classifier.pt

An image's class is the first folder of its path. Three ways, each on the same images:
  frozen      logistic regression on the exported network's features, which stay as they are
  fine-tuned  the head of "frozen", and then all of it at low rates, on random views
  scratch     the same network and training from random weights, at the head's rate throughout
One JSON object on stdout: accuracy on the test images by way, mean and least and most over --draws draws of the labelled images.
--out keeps the fine-tuned classifier of the last draw as a state dict. Needs torch, safetensors, numpy and pillow.
"""
import argparse
import copy
import json
import types

import numpy as np
import torch
from exported_network import load_network, network_of, normalised
from image_views import centre_view, decoded, image_paths, random_view
from torch import nn

BATCH = 64
# The network's rate by the head's: its features are to be bent, not to be lost in the first steps.
BODY_RATE = 0.3
HEAD_RATE = 0.05
# Milder than a training without labels takes them: what an image shows must stay to be seen.
VIEWS = types.SimpleNamespace(
    crop_area=(0.4, 1), crop_aspect=(3 / 4, 4 / 3), flip_probability=0.5,
    jitter=(0.2, 0.2, 0.2, 0.0), jitter_probability=0.5, grey_probability=0,
)  # fmt: skip


class Classifier(nn.Module):
    """Features of mean 0 and deviation 1 over the labelled images, then a fully connected layer."""

    def __init__(self, net, classes):
        super().__init__()
        self.net = net
        dim = features_of(net, torch.zeros(1, 3, net.size, net.size)).shape[1]
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))
        self.head = nn.Linear(dim, classes)

    def forward(self, x):
        return self.head((self.net.representation(x) - self.mean) / self.std)


def features_of(net, x):
    net.eval()
    with torch.no_grad():
        return torch.cat([net.representation(part) for part in x.split(256)])


def fit_head(model, x, y, penalty=0.1):
    """Logistic regression to its end: the mean loss, and half the penalty times the weights' squared length."""
    features = features_of(model.net, x)
    model.mean.copy_(features.mean(0))
    model.std.copy_(features.std(0).clamp_min(1e-6))
    rows = (features - model.mean) / model.std
    optimiser = torch.optim.LBFGS(model.head.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model.head(rows), y) + penalty / 2 * model.head.weight.square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)


def fit_all(model, images, y, facts, body_rate, epochs, rng):
    """SGD with momentum and a cosine to 0, on a random view of each image an epoch."""
    parts = [dict(params=model.net.parameters(), lr=body_rate), dict(params=model.head.parameters(), lr=HEAD_RATE)]
    optimiser = torch.optim.SGD(parts, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        model.train()
        views = np.stack([random_view(image, model.net.size, VIEWS, rng) for image in images])
        x = normalised(views, facts)
        order = torch.from_numpy(rng.permutation(len(images)))
        # A last batch of a few would be poor statistics.
        for part in order.chunk(max(1, len(images) // BATCH)):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[part]), y[part]).backward()
            optimiser.step()
        schedule.step()


def accuracy(model, x, y):
    model.eval()
    with torch.inference_mode():
        guesses = torch.cat([model(part).argmax(1) for part in x.split(256)])
    return (guesses == y).float().mean().item()


def labelled_paths(folder):
    paths = image_paths(folder)
    if not all("/" in path for path in paths):
        raise SystemExit(f"{folder}: images lie in no folder of a class")
    return paths, [path.split("/")[0] for path in paths]


def inputs_of(images, facts):
    """Their centre views, as the run makes them."""
    views = [centre_view(image, int(facts["imageSize"]), float(facts["resizeRatio"])) for image in images]
    return normalised(np.stack(views), facts)


def drawn(classes, labels, rng):
    """Indices of as many images of each class, at random."""
    chosen = []
    for name in sorted(set(classes)):
        of_class = [i for i, other in enumerate(classes) if other == name]
        chosen += rng.permutation(of_class)[:labels].tolist()
    return chosen


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("export", metavar="FILE.safetensors")
    p.add_argument("--train", required=True)
    p.add_argument("--test", required=True)
    p.add_argument("--labels", type=int, default=20, help="labelled images of each class")
    p.add_argument("--epochs", type=int, default=60)
    p.add_argument("--draws", type=int, default=3)
    p.add_argument("--out")
    args = p.parse_args()

    exported, facts, _ = load_network(args.export)
    exported.size = int(facts["imageSize"])
    paths, classes = labelled_paths(args.train)
    test_paths, test_classes = labelled_paths(args.test)
    names = sorted(set(classes))
    x_test = inputs_of([decoded(f"{args.test}/{path}") for path in test_paths], facts)
    y_test = torch.tensor([names.index(name) if name in names else -1 for name in test_classes])

    found = {"frozen": [], "fine-tuned": [], "scratch": []}
    for draw in range(args.draws):
        torch.manual_seed(draw)
        rng = np.random.default_rng(draw)
        chosen = drawn(classes, args.labels, rng)
        images = [decoded(f"{args.train}/{paths[i]}") for i in chosen]
        x, y = inputs_of(images, facts), torch.tensor([names.index(classes[i]) for i in chosen])
        model = Classifier(copy.deepcopy(exported), len(names))
        fit_head(model, x, y)
        found["frozen"].append(accuracy(model, x_test, y_test))
        fit_all(model, images, y, facts, BODY_RATE * HEAD_RATE, args.epochs, rng)
        found["fine-tuned"].append(accuracy(model, x_test, y_test))
        new = network_of(facts)
        new.size = exported.size
        scratch = Classifier(new, len(names))
        fit_all(scratch, images, y, facts, HEAD_RATE, args.epochs, rng)
        found["scratch"].append(accuracy(scratch, x_test, y_test))
    ways = {way: {"mean": float(np.mean(all)), "least": min(all), "most": max(all)} for way, all in found.items()}
    print(json.dumps({"labels": args.labels, "classes": len(names), "testImages": len(y_test), "accuracy": ways}))
    if args.out is not None:
        torch.save({"classes": names, "state_dict": model.state_dict()}, args.out)


if __name__ == "__main__":
    main()
