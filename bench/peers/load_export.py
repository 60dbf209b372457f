#!/usr/bin/env python3
"""Holds exports against the engine: loads them into PyTorch, ONNX Runtime or TensorFlow and compares their outputs.

    python3 bench/peers/load_export.py --sample sample.safetensors model.safetensors model.onnx model-folder

`deepcluster export ... --sample sample.safetensors` writes the images and what the engine makes of them. One JSON object a
line on stdout: {"file", "by", "difference": {output: largest difference by the output's largest number}, "sameClusters"}.
Exit code 1 where a difference exceeds --tolerance or a cluster is another one; 3 where a library is not installed.
"""
import argparse
import json
import pathlib
import sys

import line_protocol

try:
    import numpy as np
    from safetensors import safe_open
except ImportError as error:
    print(f"{error.name} is not installed", file=sys.stderr)
    sys.exit(3)


def arrays_of(path):
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}


def by_torch(path, images):
    """Modules of networks.py with the file's arrays; clusters in float64, as the file's description has them."""
    import torch
    from exported_network import load_network, normalised

    net, facts, has_head = load_network(path)
    arrays, _ = arrays_of(path)
    with torch.inference_mode():
        x = normalised(images, facts)
        outputs = {"features": net.representation(x).numpy()}
        if has_head:
            outputs["logits"] = net(x).numpy()
        if "centroids" in arrays:
            outputs.update(clusters_of(net.represent(x).double().numpy(), arrays, facts["metric"]))
    return f"PyTorch {torch.__version__}", outputs


def clusters_of(rows, arrays, metric):
    if "whitening.components" in arrays:
        rows = (rows - arrays["whitening.mean"]) @ arrays["whitening.components"].T
    rows = rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-10)
    centroids = arrays["centroids"].astype(np.float64)
    distances = np.linalg.norm(rows[:, None] - centroids[None], axis=2)
    dots = rows @ centroids.T
    lengths = np.linalg.norm(centroids, axis=1) + 1e-10
    scores = {"dot": dots, "cosine": dots / lengths, "distance": -distances}[metric]
    cluster = scores.argmax(axis=1)
    return {"cluster": cluster, "distance": distances[np.arange(len(rows)), cluster]}


def by_onnx(path, images):
    import onnx
    import onnxruntime

    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)
    names = [output.name for output in session.get_outputs()]
    # One image at a time is the same as all at once: the number of images is open.
    single = session.run(names, {"images": x[:1]})
    outputs = dict(zip(names, session.run(names, {"images": x})))
    if any(part.shape != outputs[name][:1].shape for name, part in zip(names, single)):
        raise ValueError(f"{path}: one image gives other shapes than {len(x)}")
    return f"ONNX Runtime {onnxruntime.__version__}", outputs


def by_tensorflow(path, images):
    import tensorflow as tf

    model = tf.saved_model.load(path)
    x = tf.constant(images.astype(np.float32) / np.float32(255))
    outputs = model.signatures["serving_default"](images=x)
    return f"TensorFlow {tf.__version__}", {name: value.numpy() for name, value in outputs.items()}


def reader_of(path):
    if path.is_dir():
        return by_tensorflow
    return by_onnx if path.suffix == ".onnx" else by_torch


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", required=True, help="written by deepcluster export --sample")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    expected, _ = arrays_of(options.sample)
    images = expected.pop("images")
    isSound = True
    for path in options.files:
        try:
            by, outputs = reader_of(path)(str(path), images)
        except ImportError as error:
            print(f"{error.name} is not installed", file=sys.stderr)
            sys.exit(3)
        clusters = expected.get("cluster")
        difference = {
            name: float(np.abs(outputs[name] - values).max() / np.abs(values).max())
            for name, values in expected.items()
            if name != "cluster" and name in outputs
        }
        same = None if clusters is None or "cluster" not in outputs else bool((outputs["cluster"] == clusters).all())
        line_protocol.answer({"file": path.name, "by": by, "difference": difference, "sameClusters": same})
        # Not a plain comparison: NaN must fail, too.
        isSound &= "features" in difference and same is not False
        isSound &= all(value <= options.tolerance for value in difference.values())
    sys.exit(0 if isSound else 1)


if __name__ == "__main__":
    main()
