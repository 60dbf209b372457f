#!/usr/bin/env python3
"""Peer of the demo: DeepCluster on a folder of small images in plain PyTorch, one process.

The same method, network and settings as presets/demo.yaml, written from the paper and this project's specification. It says
what features of this kind are worth on the same images, and how long PyTorch takes for them.

    deepcluster data make --out images --classes 10 --per-class 120 --size 96 --seed 1
    python3 bench/peers/deepcluster_small.py images [--seed 1] [--epochs 18] [--k 50] [--width 32] ...

Needs torch, torchvision and numpy (Debian: python3-torch python3-torchvision).
"""
import argparse
import json
import os
import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision import transforms


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("images")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--epochs", type=int, default=18)
    p.add_argument("--k", type=int, default=50)
    p.add_argument("--pca", type=int, default=64)
    p.add_argument("--width", type=int, default=32)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--lr", type=float, default=0.05)
    p.add_argument("--dropout", type=float, default=0.5)
    p.add_argument("--crop", type=float, default=0.3)
    p.add_argument("--size", type=int, default=64)
    return p.parse_args()


class Net(nn.Module):
    """Sobel, four conv-BN-ReLU-pool blocks, dropout, fc; the feature is fc before its ReLU."""

    def __init__(self, width, size, k, dropout):
        super().__init__()
        grey = torch.full((1, 3, 1, 1), 1 / 3)
        sobel = torch.tensor([[[[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]], [[[1, 2, 1], [0, 0, 0], [-1, -2, -1]]]])
        self.register_buffer("grey", grey)
        self.register_buffer("sobel", sobel)
        maps = [2, width, 2 * width, 4 * width, 4 * width]
        layers = []
        for i in range(4):
            kernel, stride, pad = (5, 2, 2) if i == 0 else (3, 1, 1)
            conv = nn.Conv2d(maps[i], maps[i + 1], kernel, stride, pad)
            nn.init.normal_(conv.weight, 0, (2 / (kernel * kernel * maps[i + 1])) ** 0.5)
            nn.init.zeros_(conv.bias)
            layers += [conv, nn.BatchNorm2d(maps[i + 1]), nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        side = size // 32
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(maps[4] * side * side, 256)
        nn.init.normal_(self.fc.weight, 0, 0.01)
        nn.init.zeros_(self.fc.bias)
        self.head = None
        self.k = k

    def new_head(self):
        self.head = nn.Linear(256, self.k)
        nn.init.normal_(self.head.weight, 0, 0.01)
        nn.init.zeros_(self.head.bias)

    def embed(self, x):
        x = nn.functional.conv2d(nn.functional.conv2d(x, self.grey), self.sobel, padding=1)
        return self.fc(self.dropout(self.features(x).flatten(1)))

    def forward(self, x):
        return self.head(torch.relu(self.embed(x)))


def whiten(features, d):
    x = features.astype(np.float64)
    x -= x.mean(0)
    values, vectors = np.linalg.eigh(x.T @ x)
    order = np.argsort(values)[::-1][:d]
    y = x @ vectors[:, order] / np.sqrt(values[order])
    return y / np.linalg.norm(y, axis=1, keepdims=True)


def kmeans(x, k, rng, steps=20):
    c = x[rng.permutation(len(x))[:k]].copy()
    for _ in range(steps):
        labels = ((c * c).sum(1) - 2 * x @ c.T).argmin(1)
        for j in range(k):
            mine = x[labels == j]
            c[j] = mine.mean(0) if len(mine) else x[rng.integers(len(x))]
    return ((c * c).sum(1) - 2 * x @ c.T).argmin(1)


def uniform_draw(labels, rng):
    groups = [np.flatnonzero(labels == j) for j in np.unique(labels)]
    s = len(labels) // len(groups) + 1
    drawn = np.concatenate([rng.choice(g, s, replace=len(g) <= s) for g in groups])
    rng.shuffle(drawn)
    return drawn[: len(labels)]


def nmi(a, b):
    joint = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(joint, (a, b), 1 / len(a))
    pa, pb = joint.sum(1), joint.sum(0)
    seen = joint > 0
    mutual = (joint[seen] * np.log(joint[seen] / np.outer(pa, pb)[seen])).sum()
    entropy = lambda p: -(p[p > 0] * np.log(p[p > 0])).sum()
    return mutual / np.sqrt(entropy(pa) * entropy(pb))


def evaluate(features, truth, seed):
    rng = np.random.default_rng(seed)
    test = np.zeros(len(truth), bool)
    for c in np.unique(truth):
        mine = rng.permutation(np.flatnonzero(truth == c))
        test[mine[: len(mine) // 3]] = True
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    near = np.argsort(-(unit[test] @ unit[~test].T), axis=1)[:, :20]
    votes = np.stack([(truth[~test][near] == c).sum(1) for c in np.unique(truth)], 1)
    knn = (votes.argmax(1) == truth[test]).mean()
    mean, std = features[~test].mean(0), features[~test].std(0) + 1e-6
    x = torch.tensor((features - mean) / std, dtype=torch.float32)
    y = torch.tensor(truth)
    probe = nn.Linear(x.shape[1], truth.max() + 1)
    optimizer = torch.optim.SGD(probe.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    mask = torch.tensor(~test)
    for _ in range(200):
        optimizer.zero_grad()
        nn.functional.cross_entropy(probe(x[mask]), y[mask]).backward()
        optimizer.step()
    linear = (probe(x[~mask]).argmax(1) == y[~mask]).float().mean().item()
    return float(knn), linear


def main():
    args = parse()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    classes = sorted(d for d in os.listdir(args.images) if os.path.isdir(os.path.join(args.images, d)))
    images, truth = [], []
    for c, name in enumerate(classes):
        for file in sorted(os.listdir(os.path.join(args.images, name))):
            images.append(Image.open(os.path.join(args.images, name, file)).convert("RGB"))
            truth.append(c)
    truth = np.array(truth)
    normalise = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    plain = transforms.Compose([transforms.Resize(args.size), transforms.CenterCrop(args.size), transforms.ToTensor(), normalise])
    random = transforms.Compose(
        [transforms.RandomResizedCrop(args.size, (args.crop, 1)), transforms.RandomHorizontalFlip(), transforms.ToTensor(), normalise]
    )
    net = Net(args.width, args.size, args.k, args.dropout)
    body = torch.optim.SGD(net.parameters(), args.lr, momentum=0.9, weight_decay=1e-5)
    centre = torch.stack([plain(i) for i in images])

    def embed_all():
        net.eval()
        with torch.no_grad():
            out = torch.cat([net.embed(b) for b in centre.split(128)])
        net.train()
        return out.numpy()

    random_scores = evaluate(embed_all(), truth, args.seed)
    previous, start = None, time.time()
    for epoch in range(args.epochs):
        labels = kmeans(whiten(embed_all(), args.pca), args.k, rng)
        net.new_head()
        head = torch.optim.SGD(net.head.parameters(), args.lr, weight_decay=1e-5)
        drawn, losses = uniform_draw(labels, rng), []
        for ids in np.split(drawn, range(args.batch, len(drawn), args.batch)):
            x = torch.stack([random(images[i]) for i in ids])
            loss = nn.functional.cross_entropy(net(x), torch.tensor(labels[ids]))
            body.zero_grad()
            head.zero_grad()
            loss.backward()
            body.step()
            head.step()
            losses.append(loss.item() * len(ids))
        change = nmi(previous, labels) if previous is not None else None
        previous = labels
        print(json.dumps({"epoch": epoch, "loss": sum(losses) / len(drawn), "nmiToPrevious": change, "nmiToTruth": nmi(labels, truth)}), flush=True)
    knn, linear = evaluate(embed_all(), truth, args.seed)
    print(json.dumps({"knnTop1": knn, "linearTop1": linear, "randomKnnTop1": random_scores[0], "randomLinearTop1": random_scores[1], "seconds": time.time() - start}))


if __name__ == "__main__":
    main()
