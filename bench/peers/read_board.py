"""What TensorBoard itself reads from a folder: its images by tag, and its embedding projector's points.

TensorBoard serves the folder on a free port of this machine, and its projector is asked as the page asks it. Prints one
JSON object: {"images": {tag: [{"step", "width", "height", "format"}]}, "embeddings": {name: {"shape", "sum", "metadata",
"sprite": {"format", "width", "height", "cell", "centres"}}}}. `sum` is of all numbers of the tensor; `centres` has the
middle pixel of each point's thumbnail, found as the page finds it, by the width of the sheet alone.
"""
import argparse
import io
import json
import urllib.parse
import urllib.request

import numpy
from PIL import Image
from tensorboard import program
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ALL = {"images": 0, "tensors": 0, "scalars": 0, "histograms": 1}


def read_images(folder):
    events = EventAccumulator(folder, size_guidance=ALL)
    events.Reload()
    return {tag: [describe(event) for event in events.Images(tag)] for tag in events.Tags()["images"]}


def describe(event):
    image = Image.open(io.BytesIO(event.encoded_image_string))
    if image.size != (event.width, event.height):
        raise ValueError(f"{image.size} is not {event.width} x {event.height}")
    return {"step": event.step, "width": event.width, "height": event.height, "format": image.format}


def read_embeddings(folder):
    board = program.TensorBoard()
    board.configure(logdir=folder, port=0, host="127.0.0.1", load_fast="false")
    base = board.launch() + "data/plugin/projector/"

    def fetch(route, **query):
        with urllib.request.urlopen(f"{base}{route}?{urllib.parse.urlencode(query)}") as answer:
            return answer.read()

    [run] = json.loads(fetch("runs"))
    embeddings = json.loads(fetch("info", run=run))["embeddings"]
    return {one["tensorName"]: read_embedding(one, run, fetch) for one in embeddings}


def read_embedding(info, run, fetch):
    name, shape = info["tensorName"], info["tensorShape"]
    tensor = numpy.frombuffer(fetch("tensor", run=run, name=name), "float32").reshape(shape)
    metadata = fetch("metadata", run=run, name=name).decode().splitlines()
    sprite = Image.open(io.BytesIO(fetch("sprite_image", run=run, name=name)))
    side, _ = cell = info["sprite"]["singleImageDim"]
    columns = sprite.width // side
    places = [(i % columns * side + side // 2, i // columns * side + side // 2) for i in range(len(tensor))]
    return {
        "shape": shape,
        "sum": float(tensor.sum(dtype="float64")),
        "metadata": [line.split("\t") for line in metadata],
        "sprite": {
            "format": sprite.format,
            "width": sprite.width,
            "height": sprite.height,
            "cell": cell,
            "centres": [sprite.getpixel(place) for place in places],
        },
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    print(json.dumps({"images": read_images(folder), "embeddings": read_embeddings(folder)}))
