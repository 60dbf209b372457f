#!/usr/bin/env python3
"""Peer of `deepcluster bench train`: the same networks and the same work in PyTorch, on the CPU or on a GPU.

Work: {"architecture", "size", "classes", "sobel", "dropout", "batch", "mode": "step" | "forward", "isQuick"}.
As on our side, a run begins with uint8 images in host memory. A step normalises them, goes forward in training mode through
Sobel filters, network and cross-entropy, and back to a gradient of every parameter; on a GPU the gradients are copied to the
host, where ours end, too. A forward pass is in evaluation mode and ends with features in host memory. Both memory formats of
the convolutions are tried, and the faster one is kept.
"""
import argparse

import line_protocol

try:
    import torch
except ImportError:
    line_protocol.missing("torch")

from networks import network

MEAN = torch.tensor([0.485, 0.456, 0.406])
STD = torch.tensor([0.229, 0.224, 0.225])
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def step_of(net, images, labels, normalised):
    net.train()

    def run():
        net.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(net(normalised(images)), labels).backward()
        if labels.is_cuda:
            torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]).cpu()

    return run


def forward_of(net, images, normalised):
    net.eval()

    def run():
        with torch.inference_mode():
            net.represent(normalised(images)).cpu()

    return run


def work_in(layout, work, device):
    """A function that does the work once with activations in this memory format."""
    torch.manual_seed(1)
    keys = ("architecture", "size", "classes", "sobel", "dropout")
    net = network(**{key: work[key] for key in keys}).to(device).to(memory_format=layout)
    batch, size = work["batch"], work["size"]
    images = torch.randint(0, 256, (batch, size, size, 3), dtype=torch.uint8)
    labels = torch.randint(0, work["classes"], (batch,), device=device)
    # (x / 255 - mean) / std as one product and one sum.
    factor = (1 / (255 * STD)).view(1, 3, 1, 1).to(device)
    shift = (-MEAN / STD).view(1, 3, 1, 1).to(device)

    def normalised(pixels):
        x = pixels.to(device).permute(0, 3, 1, 2).to(torch.float32, memory_format=layout)
        return x.mul_(factor).add_(shift)

    if work["mode"] == "step":
        return step_of(net, images, labels, normalised)
    return forward_of(net, images, normalised)


def faster(candidates, runs):
    """The candidate with the shortest run, after one that is not counted; only one of them is held at a time."""
    best, best_name, best_seconds = None, None, float("inf")
    for name, make in candidates.items():
        run = make()
        run()
        seconds = min(line_protocol.seconds_of(run) for _ in range(runs))
        if seconds < best_seconds:
            best, best_name, best_seconds = run, name, seconds
        del run
    return best_name, best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # As TensorFlow does by default: TF32 in products as in convolutions, and the fastest algorithm of each by trial.
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    where = torch.cuda.get_device_name() if device == "cuda" else f"{threads} threads"
    kernels = "cuDNN, TF32" if device == "cuda" else "oneDNN" if torch.backends.mkldnn.is_available() else "no oneDNN"

    def prepare(work):
        candidates = {name: lambda layout=layout: work_in(layout, work, device) for name, layout in FORMATS.items()}
        layout, run = faster(candidates, 1 if work["isQuick"] else 2)
        return f"PyTorch {torch.__version__}, {where}, {kernels}, {layout}", run

    line_protocol.serve(prepare)


if __name__ == "__main__":
    main()
