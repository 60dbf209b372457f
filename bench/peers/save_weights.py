#!/usr/bin/env python3
"""Saves a random network as torch.save files have it after a training, and its features of a few images.

    python3 bench/peers/save_weights.py --architecture resnet18 --size 64 --form moco --out w.pth --sample sample.safetensors

Forms: "plain", a state dict with torchvision's names, its classifier included; "legacy", the same in the format of before
PyTorch 1.6; "half", the same in float16; "wrapped", a checkpoint with the network under "state_dict" and behind "module.";
"moco", behind "module.encoder_q." there. The sample has images [N, S, S, 3] uint8 and features [N, D].
"""
import argparse
import sys

try:
    import torch
    from safetensors.torch import save_file
except ImportError as error:
    print(f"{error.name} is not installed", file=sys.stderr)
    sys.exit(3)

from networks import network
from torch_networks import MEAN, STD

PREFIXES = {"wrapped": "module.", "moco": "module.encoder_q."}


def trained(architecture, size):
    """Random weights, and statistics that are not those of the start."""
    net = network(architecture, size=size, classes=10, sobel=False)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return net.eval()


def torchvision_names(net):
    arrays = {name.removeprefix("backbone."): a for name, a in net.state_dict().items()}
    heads = [name for name in arrays if name.startswith("top_layer.")]
    for name in heads:
        arrays[name.replace("top_layer", "fc")] = arrays.pop(name)
    return arrays


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--form", required=True, choices=["plain", "legacy", "half", *PREFIXES])
    parser.add_argument("--out", required=True)
    parser.add_argument("--sample", required=True)
    options = parser.parse_args()
    torch.manual_seed(1)
    net = trained(options.architecture, options.size)
    if options.form == "half":
        net.half().float()
    images = torch.randint(0, 256, (3, options.size, options.size, 3), dtype=torch.uint8)
    with torch.inference_mode():
        x = (images.permute(0, 3, 1, 2).float() / 255 - MEAN.view(1, 3, 1, 1)) / STD.view(1, 3, 1, 1)
        save_file({"images": images, "features": net.representation(x)}, options.sample)
    arrays = torchvision_names(net.half() if options.form == "half" else net)
    if options.form in PREFIXES:
        prefix = PREFIXES[options.form]
        arrays = {"epoch": 1, "state_dict": {f"{prefix}{name}": array for name, array in arrays.items()}}
    torch.save(arrays, options.out, _use_new_zipfile_serialization=options.form != "legacy")


if __name__ == "__main__":
    main()
