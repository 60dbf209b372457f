#!/usr/bin/env python3
"""Writes torch-files.json: files of torch.save in base64, and the numbers of their tensors.

python3 test/oracle/make_torch_files.py    (made with PyTorch 2.15.0; a file is what torch.save writes, byte for byte)
"""
import argparse
import base64
import collections
import io
import json
import pathlib
import sys

import torch

torch.manual_seed(15)


def numbers(tensor):
    return [str(x) for x in tensor.detach().to(torch.float64).flatten().tolist()]


def case(value, tensors, **options):
    """A file, and what its tensors are; a tensor that is not of floating-point numbers has null."""
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    expected = {
        name: {"shape": list(t.shape), "numbers": numbers(t.float()) if t.is_floating_point() else None}
        for name, t in tensors.items()
    }
    return {"base64": base64.b64encode(buffer.getvalue()).decode(), "tensors": expected}


def small_net():
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Linear(4, 2))
    net[1].running_mean.copy_(torch.randn(3))
    net[1].running_var.copy_(torch.rand(3))
    return net


state = small_net().state_dict()
base = torch.randn(4, 5)
views = collections.OrderedDict(
    transposed=base.t(),
    row=base[2],
    column=base[:, 3],
    part=base[1:3, 1:4],
    channels_last=torch.randn(2, 3, 2, 2).to(memory_format=torch.channels_last),
    single=torch.tensor(2.5),
    none=torch.zeros(0, 3),
)
edges = torch.tensor([0.0, -0.0, 1.0, -1.5, 65504.0, 2.0**-14, 2.0**-24, 1 / 3, float("inf"), -float("inf"), float("nan")])
types = {
    "half": edges.half(),
    "bfloat16": edges.bfloat16(),
    "double": edges.double() / 3,
    "float": edges,
    "long": torch.arange(3),
    "bool": torch.tensor([True, False]),
}
parameter = {"weight": torch.nn.Parameter(torch.randn(2, 2))}
optimizer = torch.optim.SGD(parameter.values(), lr=0.1, momentum=0.9)
parameter["weight"].sum().backward()
optimizer.step()
checkpoint = {"epoch": 3, "arch": "small", "best": 0.25, "state_dict": state, "optimizer": optimizer.state_dict(), "none": None}
shared = {"a": base, "b": base.view(2, 10)}

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "bench" / "peers"))
from networks import network  # noqa: E402

# Half as wide as any that is of use; every array counts up in eighths, so that no number needs to be stored.
net = network("small-convnet", size=32, classes=3, sobel=False, width=4, feature_dim=8)
counted = {
    f"module.{name}": torch.arange(a.numel()).reshape(a.shape) / 8 if a.is_floating_point() else a
    for name, a in net.state_dict().items()
}

files = {
    "state dict": case(state, state),
    "state dict, before 1.6": case(state, state, _use_new_zipfile_serialization=False),
    "views": case(views, views),
    "views, before 1.6": case(views, views, _use_new_zipfile_serialization=False),
    "types": case(types, types),
    "types, protocol 4": case(types, types, pickle_protocol=4),
    "checkpoint": case(checkpoint, state),
    "shared storage": case(shared, shared),
    "parameter": case(parameter, parameter),
    "namespace": case({"args": argparse.Namespace(lr=0.1), "state_dict": state}, {}),
    "module": case(small_net(), {}),
    "list": case([torch.zeros(2)], {}),
    "network": case({"epoch": 1, "state_dict": counted}, {}),
    "repeated": case({"weight": torch.zeros(1).expand(1 << 30)}, {}),
}
path = pathlib.Path(__file__).with_name("torch-files.json")
path.write_text(json.dumps({"torch": torch.__version__, "files": files}, indent=1) + "\n")
