"""Spherical k-means in NumPy: unit rows, unit centroids, nearness by the dot product. Shapes: N rows, d columns, K clusters."""
import numpy as np

# As faiss has it: an empty cluster and the one that it takes half of are pushed apart by this part of each number.
SPLIT_OFFSET = 1 / 1024
SPLIT_SEED = 1234


def unit(rows):
    return rows / (np.linalg.norm(rows, axis=-1, keepdims=True) + 1e-10)


def spherical_kmeans(rows, start, iterations):
    """
    Assigns each row to the centroid with the largest dot product (ties: the lower index), makes each centroid the sum of its
    rows at length 1, and assigns once more at the end.

    rows: [N, d] unit rows; start: [K] rows that the centroids begin at. Returns centroids [K, d] and labels [N].
    """
    centroids = rows[start]
    for _ in range(iterations):
        labels = nearest(rows, centroids)
        sizes = np.bincount(labels, minlength=len(start))
        sums = np.zeros(centroids.shape)
        np.add.at(sums, labels, rows)
        means = sums / np.maximum(sizes, 1)[:, None]
        centroids = unit(split_for_empty(means, sizes)).astype(rows.dtype)
    return centroids, nearest(rows, centroids)


def nearest(rows, centroids):
    return (rows @ centroids.T).argmax(1)


def split_for_empty(means, sizes):
    """Each empty cluster takes half of one that is drawn with probability (size - 1) / (N - K), by faiss' rule."""
    means, sizes = means.copy(), sizes.astype(float)
    surplus = sizes.sum() - len(sizes)
    if surplus <= 0:
        return means
    generator = np.random.RandomState(SPLIT_SEED)
    offset = np.where(np.arange(means.shape[1]) % 2 == 0, SPLIT_OFFSET, -SPLIT_OFFSET)
    for empty in np.flatnonzero(sizes == 0):
        donor = 0
        while generator.random_sample() >= (sizes[donor] - 1) / surplus:
            donor = (donor + 1) % len(sizes)
        means[empty] = means[donor] * (1 + offset)
        means[donor] = means[donor] * (1 - offset)
        sizes[empty] = sizes[donor] = sizes[donor] / 2
    return means
