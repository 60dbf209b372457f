#!/usr/bin/env python3
"""Peer of `deepcluster bench kmeans`: faiss on the same rows, which a file of little-endian float32 holds.

Work: {"mode": "kmeans", "file", "n", "dim", "k", "steps"}, or {"mode": "pca", "file", "n", "dim", "outDim"}.
k-means takes all rows, from a random start, without restarts. PCA is solved, applied with whitening, and rows are normalised.
"""
import argparse

import line_protocol

try:
    import faiss
    import numpy as np
except ImportError:
    line_protocol.missing("faiss")


def kmeans_of(rows, work):
    n, dim = rows.shape
    options = {"niter": work["steps"], "seed": 1234, "max_points_per_centroid": n, "min_points_per_centroid": 1}

    def run():
        faiss.Kmeans(dim, work["k"], **options).train(rows)

    return run


def pca_of(rows, work):
    def run():
        pca = faiss.PCAMatrix(rows.shape[1], work["outDim"], -0.5)
        pca.train(rows)
        faiss.normalize_L2(pca.apply(rows))

    return run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    threads = parser.parse_args().threads
    faiss.omp_set_num_threads(threads)

    def prepare(work):
        rows = np.fromfile(work["file"], dtype="<f4").reshape(work["n"], work["dim"])
        make = {"kmeans": kmeans_of, "pca": pca_of}[work["mode"]]
        return f"faiss {faiss.__version__}, {threads} threads", make(rows, work)

    line_protocol.serve(prepare)


if __name__ == "__main__":
    main()
