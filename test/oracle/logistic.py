#!/usr/bin/env python3
"""Makes logistic.json: scikit-learn's logistic regression on made features. Needs numpy, scikit-learn.

    python3 test/oracle/logistic.py > test/oracle/logistic.json
"""
import json

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(23)


def features(count, dim, classes, noise):
    """Classes by turns around random centres, each dimension in units of its own."""
    labels = np.arange(count) % classes
    centres = rng.normal(size=(classes, dim))
    rows = centres[labels] + noise * rng.normal(size=(count, dim))
    return (rows * 10 ** rng.uniform(-2, 2, dim) + rng.normal(size=dim)).astype(np.float32), labels


def case(train, test, dim, classes, noise, penalties):
    rows, labels = features(train + test, dim, classes, noise)
    scaler = StandardScaler().fit(rows[:train].astype(np.float64))
    wide, held = scaler.transform(rows[:train]), scaler.transform(rows[train:])
    fits = []
    for c in penalties:
        # The weights of the least objective: L-BFGS stops long before them where the penalty is strong.
        model = LogisticRegression(C=c, solver="newton-cg", tol=1e-12, max_iter=10_000).fit(wide, labels[:train])
        weights = np.concatenate([model.coef_, model.intercept_[:, None]], 1)
        fits.append({
            "inversePenalty": c, "weights": weights.ravel().tolist(),
            "accuracy": model.score(held, labels[train:]),
        })  # fmt: skip
    return {
        **{"train": train, "test": test, "dim": dim, "classes": classes},
        **{"features": rows.ravel().tolist(), "labels": labels.tolist(), "fits": fits},
    }


print(json.dumps({
    "made with": f"NumPy {np.__version__}, scikit-learn {sklearn.__version__}",
    "cases": [
        # More rows than columns, as many, and fewer: there the classes can be separated.
        case(120, 60, 8, 3, 1.5, [1e-3, 1e-2, 1]),
        case(40, 60, 40, 4, 2.0, [1e-3, 1e-1]),
        case(30, 60, 64, 5, 3.0, [1e-2, 1]),
    ],
}))  # fmt: skip
