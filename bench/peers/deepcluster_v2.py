#!/usr/bin/env python3
"""Peer of presets/small-photos.yaml: DeepCluster-v2 on a folder of images in plain PyTorch, one process.

The same method, network and settings, written from the paper (Caron et al. 2020, arXiv:2006.09882, section 4 and appendix) and
docs/algorithms.md, with this project's departures. Random numbers are others.

    python3 bench/peers/deepcluster_v2.py TRAIN --test TEST --out FOLDER [--seed 1] [--epochs 80] [--slice 128] ...

TRAIN and TEST are folders of images; the names of sub-folders are not looked at. On stdout one JSON object a line: the settings,
then for each epoch its loss and the CPU seconds since training began, with how many of them went into views and clustering; all
images are decoded before. FOLDER receives the pooled representations of centre views, in evaluation mode, as `deepcluster embed`
writes features: random-train.npy and random-test.npy before training, trained-train.npy and trained-test.npy after it, and
beside each FILE.npy.paths.csv. bench/peers/judge_features.py says what they are worth.

Needs torch, numpy and pillow. Shapes: N images, V crops of each, d columns of a projection, H heads, K clusters.
"""
import argparse
import contextlib
import csv
import json
import math
import pathlib
import time

import numpy as np
import torch
from image_views import centre_view, decoded, image_paths, random_view
from networks import network
from spherical_kmeans import spherical_kmeans

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("train")
    p.add_argument("--test")
    p.add_argument("--out", required=True)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--epochs", type=int, default=80)
    p.add_argument("--size", type=int, default=32)
    p.add_argument("--resize-ratio", type=float, default=1)
    p.add_argument("--crop-area", type=float, nargs=2, default=[0.08, 1])
    p.add_argument("--crop-aspect", type=float, nargs=2, default=[3 / 4, 4 / 3])
    p.add_argument("--flip-probability", type=float, default=0.5)
    p.add_argument("--jitter", type=float, nargs=4, default=[0.4, 0.4, 0.4, 0.1], help="brightness contrast saturation hue")
    p.add_argument("--jitter-probability", type=float, default=0.8)
    p.add_argument("--grey-probability", type=float, default=0.2)
    p.add_argument("--width", type=int, default=32)
    p.add_argument("--hidden", type=int, default=256)
    p.add_argument("--dim", type=int, default=64)
    p.add_argument("--k", type=int, default=100)
    p.add_argument("--iterations", type=int, default=10)
    p.add_argument("--heads", type=int, default=3)
    p.add_argument("--crops", type=int, default=2)
    p.add_argument("--small-crops", type=int, default=0, help="further views of each image, in a batch of their own")
    p.add_argument("--small-crop-size", type=int, default=96)
    p.add_argument("--small-crop-area", type=float, nargs=2, default=[0.05, 0.14])
    p.add_argument("--temperature", type=float, default=0.1)
    p.add_argument("--batch", type=int, default=128, help="images of a step")
    p.add_argument("--slice", type=int, default=64, help="images whose views share batch norm's statistics")
    p.add_argument("--lr", type=float, default=0.06)
    p.add_argument("--momentum", type=float, default=0.9)
    p.add_argument("--weight-decay", type=float, default=1e-4)
    p.add_argument("--warmup-epochs", type=float, default=2)
    p.add_argument("--cosine-to", type=float, default=0.001)
    return p.parse_args()


class CpuClock:
    """CPU seconds of this process, all threads together, and of parts of its work."""

    def __init__(self):
        self.begin = time.process_time()
        self.parts = {"views": 0.0, "clustering": 0.0}

    @contextlib.contextmanager
    def of(self, part):
        begin = time.process_time()
        yield
        self.parts[part] += time.process_time() - begin

    def seconds(self):
        return {"all": time.process_time() - self.begin, **self.parts}


def network_input(views):
    """[n, 3, S, S] of uint8 views [n, S, S, 3]; as channels-last memory, which is how they lie."""
    return (torch.from_numpy(views).permute(0, 3, 1, 2).float() / 255 - MEAN) / STD


def unit_projections(net, views):
    return torch.nn.functional.normalize(net.represent(network_input(views)), dim=1)


def prototype_loss(rows, prototypes, targets, temperature):
    """
    Sum over views of the mean over heads of the cross-entropy with the views' own prototypes.

    rows: [n, d] unit rows; prototypes: [H, K, d]; targets: [n, H]
    """
    losses = [
        torch.nn.functional.cross_entropy(rows @ own.T / temperature, targets[:, head], reduction="sum")
        for head, own in enumerate(prototypes)
    ]
    return sum(losses) / len(prototypes)


def rate_factor(at, steps, epochs, warmup_epochs, cosine_to):
    """
    What scales the learning rate: up in equal parts over the warm-up, then down by half a cosine.

    at: epochs that are done, with the part of the one that is not; steps: of an epoch
    """
    if at < warmup_epochs:
        return min(1, (at + 1 / steps) / warmup_epochs)
    part = min(1, (at - warmup_epochs) / (epochs - warmup_epochs))
    return cosine_to + (1 - cosine_to) * (1 + math.cos(math.pi * part)) / 2


def cut(ids, size):
    return [ids[begin : begin + size] for begin in range(0, len(ids), size)]


def statistics_of(net):
    """Batch norm's running means and variances."""
    return [buffer for buffer in net.buffers() if buffer.is_floating_point()]


def set_statistics(net, values):
    for buffer, value in zip(statistics_of(net), values):
        buffer.copy_(value)


class Training:
    def __init__(self, images, args):
        self.images, self.args = images, args
        self.rng = np.random.default_rng(args.seed)
        self.net = network(
            "small-convnet", sobel=False, dropout=0, width=args.width, neck="projection", neck_hidden=args.hidden,
            neck_dim=args.dim,
        ).to(memory_format=torch.channels_last)  # fmt: skip
        # The decay is on all parameters, batch norm and biases included.
        self.optimizer = torch.optim.SGD(
            self.net.parameters(), args.lr, momentum=args.momentum, weight_decay=args.weight_decay
        )
        # [N, V, d]
        self.memory = np.zeros((len(images), args.crops, args.dim), np.float32)
        self.clock = CpuClock()

    def views_of(self, ids):
        """[n * V, S, S, 3]: the crops of an image one behind the other."""
        return self.random_views(np.repeat(ids, self.args.crops), self.args.size, self.args)

    def small_views_of(self, ids):
        """The same of the small crops."""
        changes = argparse.Namespace(**{**vars(self.args), "crop_area": self.args.small_crop_area})
        return self.random_views(np.repeat(ids, self.args.small_crops), self.args.small_crop_size, changes)

    def random_views(self, drawn, size, changes):
        with self.clock.of("views"):
            return np.stack([random_view(self.images[i], size, changes, self.rng) for i in drawn])

    def keep(self, ids, rows):
        self.memory[ids] = rows.detach().numpy().reshape(len(ids), self.args.crops, self.args.dim)

    @torch.no_grad()
    def fill_memory(self):
        """One pass over all images in random order, in training mode; the running statistics stay."""
        self.net.train()
        before = [buffer.clone() for buffer in statistics_of(self.net)]
        for ids in cut(self.rng.permutation(len(self.images)), self.args.slice):
            self.keep(ids, unit_projections(self.net, self.views_of(ids)))
        set_statistics(self.net, before)

    def cluster(self):
        """Head h clusters the rows of crop h mod V. Returns prototypes [H, K, d] and targets [N, H], for the whole epoch."""
        with self.clock.of("clustering"):
            found = [self.clustering_of(self.memory[:, head % self.args.crops]) for head in range(self.args.heads)]
            centroids, labels = zip(*found)
            return torch.from_numpy(np.stack(centroids)), torch.from_numpy(np.stack(labels, 1))

    def clustering_of(self, rows):
        start = self.rng.choice(len(rows), self.args.k, replace=False)
        return spherical_kmeans(rows, start, self.args.iterations)

    def step(self, ids, prototypes, targets):
        """One update by the mean gradient of the images. Returns the sum of their losses."""
        args, net = self.args, self.net
        self.optimizer.zero_grad()
        before = [buffer.clone() for buffer in statistics_of(net)]
        mixed = [torch.zeros_like(buffer) for buffer in before]
        total = 0.0
        for part in cut(ids, args.slice):
            # Each slice goes from the same statistics; those after the step are the mean over slices.
            set_statistics(net, before)
            rows = unit_projections(net, self.views_of(part))
            batches = [(args.crops, rows)]
            if args.small_crops > 0:
                # A batch of their own behind that of the large ones: batch norm sees each size apart.
                batches.append((args.small_crops, unit_projections(net, self.small_views_of(part))))
            loss = sum(
                prototype_loss(z, prototypes, targets[part].repeat_interleave(count, dim=0), args.temperature)
                for count, z in batches
            ) / (args.crops + args.small_crops)  # fmt: skip
            (loss / len(ids)).backward()
            total += loss.item()
            for sums, buffer in zip(mixed, statistics_of(net)):
                sums.add_(buffer, alpha=len(part) / len(ids))
            self.keep(part, rows)
        set_statistics(net, mixed)
        self.optimizer.step()
        return total

    def epoch(self, epoch):
        """Returns the mean loss."""
        args = self.args
        self.net.train()
        prototypes, targets = self.cluster()
        batches = cut(self.rng.permutation(len(self.images)), args.batch)
        total = 0.0
        for index, ids in enumerate(batches):
            at = epoch + index / len(batches)
            factor = rate_factor(at, len(batches), args.epochs, args.warmup_epochs, args.cosine_to)
            for group in self.optimizer.param_groups:
                group["lr"] = args.lr * factor
            total += self.step(ids, prototypes, targets)
        return total / len(self.images)


@torch.inference_mode()
def representations(net, images, args):
    """[N, 4 * width]"""
    net.eval()
    parts = []
    for ids in cut(np.arange(len(images)), 256):
        views = np.stack([centre_view(images[i], args.size, args.resize_ratio) for i in ids])
        parts.append(net.representation(network_input(views)).numpy())
    return np.concatenate(parts)


def save(file, rows, paths):
    np.save(file, rows)
    with open(f"{file}.paths.csv", "w", newline="") as table:
        csv.writer(table).writerows([["path"], *([path] for path in paths)])


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    print(json.dumps({"settings": vars(args)}), flush=True)
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    folders = {"train": args.train} | ({} if args.test is None else {"test": args.test})
    paths = {part: image_paths(folder) for part, folder in folders.items()}
    images = {part: [decoded(pathlib.Path(folders[part]) / path) for path in paths[part]] for part in folders}

    training = Training(images["train"], args)

    def save_all(state):
        for part in folders:
            save(out / f"{state}-{part}.npy", representations(training.net, images[part], args), paths[part])

    save_all("random")
    training.clock = CpuClock()
    training.fill_memory()
    for epoch in range(args.epochs):
        loss = training.epoch(epoch)
        print(json.dumps({"epoch": epoch, "loss": loss, "cpuSeconds": training.clock.seconds()}), flush=True)
    save_all("trained")


if __name__ == "__main__":
    main()
