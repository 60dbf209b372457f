#!/usr/bin/env python3
"""Makes pic.json: power iteration clustering by SciPy's sparse matrices. Needs numpy, scipy.

    python3 test/oracle/pic.py > test/oracle/pic.json

Neighbours come of all pairs; ties go to the lower index. Everything is float64 but the squared distances, which
are rounded to float32 as they travel.
"""
import json

import numpy as np
import scipy
from scipy.sparse import csr_matrix

rng = np.random.default_rng(11)


def unit_rows(count, dim, groups, spread, repeated):
    centres = rng.normal(size=(groups, dim))
    rows = centres[rng.integers(groups, size=count)] + spread * rng.normal(size=(count, dim))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    for to, source in repeated:
        rows[to] = rows[source]
    return rows


def nearest(rows, most):
    wide = rows.astype(np.float64)
    ids, distances = [], []
    for i, row in enumerate(wide):
        squares = np.zeros(len(wide))
        for j in range(wide.shape[1]):  # in the order of the columns
            squares += (wide[:, j] - row[j]) ** 2
        rounded = squares.astype(np.float32)
        order = [int(j) for j in np.lexsort((np.arange(len(wide)), rounded)) if j != i][:most]
        ids.append(order)
        distances.append(rounded[order])
    return np.array(ids), np.array(distances)


def graph(ids, distances, sigma):
    count, most = ids.shape
    affinity = np.exp(-distances.astype(np.float64) / sigma**2)
    places = (np.repeat(np.arange(count), most), ids.ravel())
    a = csr_matrix((affinity.ravel(), places), shape=(count, count))
    return (a + a.T).tocsr()


def iterate(w, alpha, steps):
    count = w.shape[0]
    v = np.full(count, 1 / count)
    for _ in range(steps):
        v = alpha * (w.T @ v) + (1 - alpha) / count
    return v / v.sum()


def climb(w, v):
    dense = w.toarray()
    scores = dense * (v[None, :] - v[:, None])
    best = np.where(scores.max(axis=1) > 0, scores.argmax(axis=1), np.arange(len(v)))
    for i in range(len(v)):
        while best[best[i]] != best[i]:
            best[i] = best[best[i]]
    return np.unique(best, return_inverse=True)[1]


def distribute(labels, ids):
    sizes = np.bincount(labels)
    joined = labels.copy()
    for i, label in enumerate(labels):
        if sizes[label] == 1:
            others = [labels[j] for j in ids[i] if sizes[labels[j]] > 1]
            if others:
                joined[i] = others[0]
    return np.unique(joined, return_inverse=True)[1]


def case(rows, most, sigma, alpha):
    ids, distances = nearest(rows, most)
    w = graph(ids, distances, sigma)
    vector = iterate(w, alpha, 200)
    labels = climb(w, vector)
    return {
        "rows": [[float(value) for value in row] for row in rows],
        "most": most,
        "sigma": sigma,
        "alpha": alpha,
        "neighbours": ids.tolist(),
        "distances": [[float(value) for value in row] for row in distances],
        "rowSums": np.asarray(w.sum(axis=1)).ravel().tolist(),
        "entries": int(w.nnz),
        "vector": vector.tolist(),
        "labels": labels.tolist(),
        "distributed": distribute(labels, ids).tolist(),
    }


print(json.dumps({
    "made with": f"NumPy {np.__version__}, SciPy {scipy.__version__}",
    "cases": [
        case(unit_rows(90, 6, 9, 0.25, [(40, 3), (41, 3), (17, 80)]), 5, 0.2, 0.001),
        case(unit_rows(60, 3, 4, 0.5, []), 3, 0.4, 0.05),
        case(unit_rows(70, 12, 70, 0.1, []), 2, 0.5, 0.01),
    ],
}))  # fmt: skip
