#!/usr/bin/env python3
"""Takes a finished run apart without the program: from its folder, an export and the images alone.

    python3 bench/peers/rebuild_run.py --run RUN --images IMAGES --weights w.safetensors [--onnx n.onnx] [--features f.npy|f.parquet]

The weights come from `deepcluster export --to safetensors --clusters`, the ONNX file from `--to onnx --clusters`, the features
from `deepcluster embed`. Images are decoded and resized by Pillow, as the run's configuration says. One JSON object on stdout:
{"images", "sameParquet": whether clusters.parquet has what clusters.csv has, "bySource": {"torch"|"onnx": {"sameClusters": share of the
images, "distance" and "features": largest difference by the largest number}}}. Exit code 1 where a feature is off
by more than --tolerance or an image has another cluster; 3 where a library is not installed.
"""
import argparse
import json
import pathlib
import sys

import load_export

try:
    import numpy as np
    import pandas as pd
    from image_views import centre_view, decoded
except ImportError as error:
    print(f"{error.name} is not installed", file=sys.stderr)
    sys.exit(3)


def features_of(path, paths):
    """[n, D] in the order of the paths."""
    if path.endswith(".parquet"):
        table = pd.read_parquet(path)
        names, rows = list(table["path"]), np.stack(table["features"].to_numpy())
    else:
        rows = np.load(path)
        names = list(pd.read_csv(f"{path}.paths.csv", dtype={"path": str})["path"])
    place = {name: i for i, name in enumerate(names)}
    return rows[[place[name] for name in paths]]


def compared(outputs, table, features):
    largest = lambda a, b: float(np.abs(a - b).max() / np.abs(b).max())
    same = float((outputs["cluster"].ravel() == table["cluster"].to_numpy()).mean())
    result = {"sameClusters": same, "distance": largest(outputs["distance"].ravel(), table["distance"].to_numpy())}
    if features is not None:
        result["features"] = largest(outputs["features"], features)
    return result


def in_batches(compute, path, images, size=256):
    parts = [compute(path, images[i : i + size])[1] for i in range(0, len(images), size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("run", "images", "weights"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--onnx")
    parser.add_argument("--features")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    args = parser.parse_args()

    run = pathlib.Path(args.run)
    data = json.loads((run / "config.json").read_text())["config"]["data"]
    table = pd.read_csv(run / "clusters.csv", dtype={"path": str})
    parquet = pd.read_parquet(run / "clusters.parquet")
    same_parquet = bool((table["path"] == parquet["path"]).all() and (table["cluster"] == parquet["cluster"]).all())
    paths = list(table["path"])
    folder = pathlib.Path(args.images)
    images = np.stack([centre_view(decoded(folder / path), data["imageSize"], data["resizeRatio"]) for path in paths])
    features = None if args.features is None else features_of(args.features, paths)

    by = {"torch": in_batches(load_export.by_torch, args.weights, images)}
    if args.onnx is not None:
        by["onnx"] = in_batches(load_export.by_onnx, args.onnx, images)
    found = {source: compared(outputs, table, features) for source, outputs in by.items()}
    print(json.dumps({"images": len(paths), "sameParquet": same_parquet, "bySource": found}))
    sound = same_parquet and all(
        one["sameClusters"] == 1 and one.get("features", 0) <= args.tolerance for one in found.values()
    )
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
