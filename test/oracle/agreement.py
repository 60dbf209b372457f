#!/usr/bin/env python3
"""Makes agreement.json: NMI with every image left out in turn, by scikit-learn. Needs numpy, scikit-learn.

    python3 test/oracle/agreement.py > test/oracle/agreement.json
"""
import json

import numpy as np
import sklearn
from sklearn.metrics import normalized_mutual_info_score

rng = np.random.default_rng(5)


def case(count, k, classes, agreement):
    labels = rng.integers(classes, size=count)
    clusters = np.where(rng.random(count) < agreement, labels % k, rng.integers(k, size=count))
    score = lambda keep: normalized_mutual_info_score(labels[keep], clusters[keep], average_method="geometric")
    left = np.array([score(np.arange(count) != i) for i in range(count)])
    variance = (count - 1) / count * ((left - left.mean()) ** 2).sum()
    return {"clusters": clusters.tolist(), "labels": labels.tolist(), "variance": variance}


print(json.dumps({
    "made with": f"NumPy {np.__version__}, scikit-learn {sklearn.__version__}",
    "cases": [case(60, 4, 4, 0.6), case(90, 7, 3, 0.3), case(40, 2, 5, 0.9)],
}))  # fmt: skip
