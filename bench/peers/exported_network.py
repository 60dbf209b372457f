"""The network of a safetensors export, as a module of networks.py."""
import json

import torch
from networks import network
from safetensors import safe_open


def network_of(facts):
    """The network that an export's metadata name, with random weights."""
    model = json.loads(facts["model"])
    return network(
        facts["architecture"], size=int(facts["imageSize"]), classes=int(facts["clusters"]), sobel=facts["sobel"] == "true",
        width=model["width"], feature_dim=model["featureDim"], neck=model["neck"],
        neck_hidden=model["neckHidden"], neck_dim=model["neckDim"],
    )  # fmt: skip


def load_network(path):
    """The network with the file's weights, in evaluation mode; its metadata; and whether the head is among them."""
    with safe_open(path, "pt") as file:
        facts = file.metadata() or {}
        weights = {name: file.get_tensor(name) for name in file.keys()}
    if "model" not in facts:
        raise SystemExit(f"{path} is no export: its metadata do not name a network")
    net = network_of(facts)
    missing, unexpected = net.load_state_dict(weights, strict=False)
    has_head = any(name.startswith(("top_layer.", "head.")) for name in weights)
    allowed = ("sobel.",) if has_head else ("sobel.", "top_layer.", "head.")
    absent = [name for name in missing if not name.startswith(allowed) and not name.endswith("num_batches_tracked")]
    surplus = [name for name in unexpected if not name.startswith(("whitening.", "centroids"))]
    if absent or surplus:
        raise ValueError(f"{path}: missing {absent}, unexpected {surplus}")
    return net.eval(), facts, has_head


def normalised(images, facts):
    """[N, S, S, 3] uint8 as the network is given them: [N, 3, S, S], less the mean, by the deviation."""
    mean, std = (torch.tensor(json.loads(facts[name])).view(1, 3, 1, 1) for name in ("mean", "std"))
    return (torch.as_tensor(images).permute(0, 3, 1, 2).float() / 255 - mean) / std
