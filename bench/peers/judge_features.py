#!/usr/bin/env python3
"""What features are worth, by scikit-learn, whichever program they are from.

    deepcluster embed --run RUN --data TRAIN --out train.npy      # and TEST likewise
    python3 bench/peers/judge_features.py --train train.npy --test test.npy
    python3 bench/peers/judge_features.py --train a.npy --train-labels a.txt --test b.npy --test-labels b.txt
    python3 bench/peers/judge_features.py --pixels TRAIN TEST [--size 32]

An image's class is the first folder of its path in FILE.npy.paths.csv (or in the file that --train-paths names), or its line in
a file of labels. --pixels takes folders of images, and as features the pixels of their centre views as networks are given them:
channel by channel less the mean of ImageNet, by its deviation.

One JSON object on stdout, accuracies on the test images:
  knn     the 20 training images of greatest cosine have a vote each; of classes with as many, the one with the nearest voter wins
  linear  logistic regression, C = 0.01, on columns of mean 0 and deviation 1 over the training images
  nmi     agreement (arithmetic mean) of classes and clusters of the training images: spherical k-means, 20 iterations, on
          centred rows of length 1; mean, least and most of --starts random starts
Needs scikit-learn and numpy; pillow with --pixels.
"""
import argparse
import csv
import json

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from spherical_kmeans import spherical_kmeans, unit

NEIGHBOURS = 20
ITERATIONS = 20


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for part in ("train", "test"):
        p.add_argument(f"--{part}", metavar="FILE.npy")
        classes = p.add_mutually_exclusive_group()
        classes.add_argument(f"--{part}-paths", metavar="FILE.csv", help="default: FILE.npy.paths.csv")
        classes.add_argument(f"--{part}-labels", metavar="FILE", help="one class a line, in the order of the rows")
    p.add_argument("--pixels", nargs=2, metavar=("TRAIN", "TEST"))
    p.add_argument("--size", type=int, default=32)
    p.add_argument("--clusters", type=int, default=100)
    p.add_argument("--starts", type=int, default=5)
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    if args.pixels is None and (args.train is None or args.test is None):
        p.error("give --train and --test, or --pixels")
    return args


def class_of(path):
    if "/" not in path:
        raise SystemExit(f"{path} lies in no sub-folder: give the classes with --train-labels and --test-labels")
    return path.split("/")[0]


def labelled(file, paths, labels):
    """Rows [N, D] and classes [N]."""
    rows = np.load(file).astype(np.float32)
    if labels is not None:
        with open(labels) as lines:
            classes = [line.rstrip("\n") for line in lines]
    else:
        with open(paths or f"{file}.paths.csv", newline="") as table:
            classes = [class_of(row["path"]) for row in csv.DictReader(table)]
    if len(classes) != len(rows):
        raise SystemExit(f"{file} has {len(rows)} rows, and there are {len(classes)} classes for them")
    return rows, np.array(classes)


def pixels_of(folder, size):
    """As `labelled`, of a folder of images."""
    from image_views import centre_view, decoded, image_paths

    paths = image_paths(folder)
    views = np.stack([centre_view(decoded(f"{folder}/{path}"), size) for path in paths])
    rows = (views.astype(np.float32) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return rows.reshape(len(rows), -1).astype(np.float32), np.array([class_of(path) for path in paths])


def votes(distances):
    """One each; the shares beyond it are below 1 in sum, and each is above the sum of all that are farther."""
    return np.tile(1 + 0.5 ** np.arange(1, distances.shape[1] + 1), (len(distances), 1))


def knn(train, test):
    k = min(NEIGHBOURS, len(train[0]))
    return KNeighborsClassifier(k, metric="cosine", algorithm="brute", weights=votes).fit(*train).score(*test)


def linear(train, test):
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)).fit(*train).score(*test)


def agreements(train, clusters, starts, seed):
    """[starts]"""
    rows, classes = train
    rng = np.random.default_rng(seed)
    rows = unit(rows - rows.mean(0))
    k = min(clusters, len(rows))
    found = [spherical_kmeans(rows, rng.choice(len(rows), k, replace=False), ITERATIONS)[1] for _ in range(starts)]
    return [normalized_mutual_info_score(classes, labels) for labels in found]


def main():
    args = parse()
    if args.pixels is not None:
        train, test = (pixels_of(folder, args.size) for folder in args.pixels)
    else:
        train = labelled(args.train, args.train_paths, args.train_labels)
        test = labelled(args.test, args.test_paths, args.test_labels)
    nmi = agreements(train, args.clusters, args.starts, args.seed)
    print(json.dumps({
        "trainImages": len(train[0]), "testImages": len(test[0]), "dim": train[0].shape[1],
        "classes": len(np.unique(train[1])), "knn": knn(train, test), "linear": linear(train, test),
        "nmi": float(np.mean(nmi)), "nmiLeast": min(nmi), "nmiMost": max(nmi),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
