#!/usr/bin/env python3
"""Peer of bench/odc-memory.ts: ODC's bookkeeping in NumPy and PyTorch, one process, the straightforward way.

Written from this project's specification of what the published method does: all centroids are recomputed from all rows every
ten steps, sizes are counted over all pseudo-labels wherever they are needed, members are looked for among all of them, and a
split is the best of ten 2-means. Mixing and the assignment of the batch are left out, as in ours. The load is ours too: classes
of exponential sizes from 20 up, three of ten drawn samples change their class, and a merge and a split at every step.

    python3 bench/peers/odc_memory.py [--steps 20] [--threads 1]

Needs torch and numpy (Debian: python3-torch). Prints one JSON object.
"""
import argparse
import json
import resource
import time

import numpy as np
import torch

N, DIM, K, BATCH = 1_281_167, 256, 10_000, 512
MIN_SIZE, CENTROID_INTERVAL, RESTARTS, LLOYD_STEPS = 20, 10, 10, 20


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--threads", type=int, default=1)
    return p.parse_args()


def unit(rows):
    return rows / (rows.norm(dim=1, keepdim=True) + 1e-10)


def initial_labels(rng):
    surplus = rng.exponential(size=K)
    sizes = MIN_SIZE + np.floor(surplus / surplus.sum() * (N - K * MIN_SIZE)).astype(np.int64)
    sizes[0] += N - sizes.sum()
    labels = np.repeat(np.arange(K), sizes)
    rng.shuffle(labels)
    return labels


def means(bank, labels, centroids):
    """All centroids from all rows; a class without rows keeps its own."""
    index = torch.from_numpy(labels)
    sums = torch.zeros(K, DIM).index_add_(0, index, bank)
    sizes = torch.from_numpy(np.bincount(labels, minlength=K)).float().unsqueeze(1)
    centroids.copy_(torch.where(sizes > 0, sums / sizes.clamp(min=1), centroids))


def two_means(rows, rng):
    """Best of ten runs from seeded starts (k-means++), at most twenty Lloyd steps each."""
    best, least = None, np.inf
    for _ in range(RESTARTS):
        first = rows[rng.integers(len(rows))]
        distances = ((rows - first) ** 2).sum(1).double().numpy()
        second = rows[rng.choice(len(rows), p=distances / distances.sum())] if distances.sum() > 0 else first
        centres = torch.stack([first, second])
        part = None
        for _ in range(LLOYD_STEPS):
            squares = torch.cdist(rows, centres) ** 2
            nearest = squares.argmin(1)
            if part is not None and torch.equal(nearest, part):
                break
            part = nearest
            if part.min() == part.max():
                break
            centres = torch.stack([rows[part == p].mean(0) for p in (0, 1)])
        cost = squares.min(1).values.sum().item()
        if cost < least:
            best, least = part, cost
    return best.numpy()


def small_clusters(bank, labels, centroids, rng):
    """Merges all small classes, then splits the largest for each. @return rows merged, splits"""
    sizes = np.bincount(labels, minlength=K)
    small = np.flatnonzero(sizes < MIN_SIZE)
    large = np.flatnonzero(sizes >= MIN_SIZE)
    merged = 0
    for s in small:
        ids = np.flatnonzero(labels == s)
        if len(ids):
            target = (bank[torch.from_numpy(ids)] @ centroids[torch.from_numpy(large)].T).argmax(1).numpy()
            labels[ids] = large[target]
            merged += len(ids)
    for s in small:
        largest = np.bincount(labels, minlength=K).argmax()
        ids = np.flatnonzero(labels == largest)
        part = two_means(bank[torch.from_numpy(ids)], rng)
        if part.min() == part.max():
            part = (rng.permutation(len(ids)) >= len(ids) // 2).astype(np.int64)
        labels[ids[part == 1]] = s
        for c in (largest, s):
            centroids[c] = bank[torch.from_numpy(np.flatnonzero(labels == c))].mean(0)
    return merged, len(small)


def loss_weights(labels):
    weights = (1 / (np.bincount(labels, minlength=K).astype(np.float32) + 1e-5)) ** 0.5
    return weights / weights.sum()


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    rng = np.random.default_rng(1)
    labels = initial_labels(rng)
    bank = torch.empty(N, DIM)
    for begin in range(0, N, 65536):
        part = bank[begin : begin + 65536]
        part.copy_(unit(torch.rand(len(part), DIM)))
    centroids = torch.zeros(K, DIM)
    means(bank, labels, centroids)

    times, merged, splits = [], 0, 0
    for step in range(args.steps):
        ids = rng.integers(N, size=BATCH)
        members = np.flatnonzero(labels == np.bincount(labels, minlength=K).argmin())
        leaving = len(members) - (MIN_SIZE - 1)
        ids[BATCH - leaving :] = members[:leaving]
        rows = unit(torch.rand(BATCH, DIM))
        move = (rng.random(BATCH) < 0.3) | (np.arange(BATCH) >= BATCH - leaving)
        new = np.where(move, (labels[ids] + rng.integers(1, K, size=BATCH)) % K, labels[ids])

        begin = time.perf_counter()
        index = torch.from_numpy(ids)
        _order = bank[index], labels[ids]
        bank[index] = rows
        _change = float((new != labels[ids]).mean())
        labels[ids] = new
        if (step + 1) % CENTROID_INTERVAL == 0:
            means(bank, labels, centroids)
        counts = small_clusters(bank, labels, centroids, rng)
        _weights = loss_weights(labels)
        times.append(1000 * (time.perf_counter() - begin))
        merged, splits = merged + counts[0], splits + counts[1]

    print(json.dumps({
        "name": f"NumPy {np.__version__}, PyTorch {torch.__version__}, {args.threads} thread(s)",
        "median": float(np.median(times)), "min": min(times), "max": max(times), "runs": len(times),
        "mean": float(np.mean(times)),
        "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "perStep": {"merged": merged / args.steps, "splits": splits / args.steps},
    }))


main()
