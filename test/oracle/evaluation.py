#!/usr/bin/env python3
"""Makes evaluation.json: what scikit-learn and SciPy say of made labels and features. Needs both, and numpy.

    python3 test/oracle/evaluation.py > test/oracle/evaluation.json

Labels and features come from the generator of test/support/made/lcg.ts, so that the file holds figures only.
"""
import json

import numpy as np
import scipy
import sklearn
from scipy.optimize import linear_sum_assignment
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier


def lcg(seed, count):
    state, values = seed, []
    for _ in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        values.append(state / 2**32)
    return np.array(values)


def labels(seed, count, groups):
    return (lcg(seed, count) * groups).astype(int)


def partitions(count, k, c, agreement):
    """Clusters that follow the class with some probability."""
    classes = labels(1, count, c)
    free = labels(2, count, k)
    follows = lcg(3, count) < agreement
    return np.where(follows, classes % k, free), classes


def quality(count, k, c, agreement):
    clusters, classes = partitions(count, k, c, agreement)
    table = metrics.cluster.contingency_matrix(classes, clusters)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return {
        "count": count, "k": k, "c": c, "agreement": agreement,
        "nmi": metrics.normalized_mutual_info_score(classes, clusters, average_method="geometric"),
        "nmiArithmetic": metrics.normalized_mutual_info_score(classes, clusters),
        "ari": metrics.adjusted_rand_score(classes, clusters),
        "accuracy": table[rows, columns].sum() / count,
        "purity": table.max(axis=0).sum() / count,
        "homogeneity": metrics.homogeneity_score(classes, clusters),
        "completeness": metrics.completeness_score(classes, clusters),
    }


def blobs(seed, count, dim, c, noise):
    """Classes by turns around made centres, float32."""
    classes = np.arange(count) % c
    centres = lcg(seed, c * dim).reshape(c, dim)
    own = lcg(seed + 1, count * dim).reshape(count, dim)
    return (centres[classes] + noise * own).astype(np.float32), classes


def silhouette(count, dim, c, noise):
    rows, clusters = blobs(11, count, dim, c, noise)
    rows = rows.astype(np.float64)
    return {"count": count, "dim": dim, "c": c, "noise": noise, "silhouette": metrics.silhouette_score(rows, clusters)}


def classified(count, test, dim, c, noise, neighbours):
    rows, classes = blobs(21, count + test, dim, c, noise)
    rows = rows.astype(np.float64)
    train, held = rows[:count], rows[count:]
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    knn = KNeighborsClassifier(neighbours, algorithm="brute").fit(unit(train), classes[:count])
    mean, deviation = train.mean(0), train.std(0)
    scaled = lambda x: (x - mean) / deviation
    # The probe's weight decay 1e-4 on the mean loss is C = 1 / (1e-4 n) on the sum.
    probe = LogisticRegression(C=1 / (1e-4 * count), max_iter=5000, tol=1e-8).fit(scaled(train), classes[:count])
    return {
        "count": count, "test": test, "dim": dim, "c": c, "noise": noise, "neighbours": neighbours,
        "knn": knn.score(unit(held), classes[count:]),
        "logistic": probe.score(scaled(held), classes[count:]),
    }


print(json.dumps({
    "madeWith": {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__},
    "quality": [
        quality(300, 5, 5, 0.7), quality(400, 17, 6, 0.4), quality(200, 3, 9, 0.8), quality(250, 8, 8, 0),
        quality(50, 1, 4, 0), quality(50, 4, 1, 0), quality(12, 6, 6, 1),
    ],
    "silhouette": [silhouette(120, 6, 5, 1.5), silhouette(75, 3, 8, 2.5), silhouette(64, 4, 2, 0.5)],
    "classified": [
        classified(600, 800, 20, 8, 2.5, 1), classified(400, 800, 10, 2, 5, 5), classified(2000, 1500, 60, 6, 4, 1),
    ],
}, indent=1))
