"""Segment image files by a server of the Open Inference Protocol, and write palette PNGs.

    python triton_client.py --url localhost:8000 --model streets --card model.onnx.json *.jpg

For Triton, OpenVINO Model Server, KServe and `python -m seg.serve`. It needs numpy, Pillow and
tritonclient[http]. It does what lies outside of the network: it turns images upright, cuts large
ones into windows, and colors the classes.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

CHANNELS = 3
TYPES = {"UINT8": np.uint8, "FP32": np.float32}
Segment = Callable[[np.ndarray], np.ndarray]


def read_image(path: Path) -> np.ndarray:
    """Return an image upright, RGB, H x W x 3, uint8."""
    with Image.open(path) as image:
        if image.mode.startswith(("I", "F")):
            raise SystemExit(f"{path}: has more than 8 bits a channel; scale it to 8 bits first")
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def read_palette(card: Path | None) -> list[int]:
    """Return 256 colors, of classes by their position: those of a card, else arbitrary ones."""
    colors = np.random.default_rng(0).integers(64, 256, (256, 3))
    colors[255] = 0  # no class
    if card is not None:
        facts = json.loads(card.read_text())
        palette = facts.get("palette") or [each["color"] for each in facts["classes"]]
        colors[: len(palette)] = palette
    return [int(value) for value in colors.ravel()]


def connect(client: InferenceServerClient, model: str) -> Segment:
    """Return the function that has the server segment an image: H x W x 3 -> H x W.

    The server's metadata say the names, the type and the order of the axes.
    """
    metadata = client.get_model_metadata(model)
    inputs = {each["name"]: each for each in metadata["inputs"]}
    image_input = inputs["image"]
    outputs = [each["name"] for each in metadata["outputs"]]
    if "labels" not in outputs:
        raise SystemExit(f"{model}: gives {', '.join(outputs)}; export it with output_kind=labels")
    shape = [int(side) for side in image_input["shape"]]
    channels_first = shape[-CHANNELS] == CHANNELS and shape[-1] != CHANNELS
    batched, dtype = len(shape) == CHANNELS + 1, TYPES[image_input["datatype"]]

    def segment(image_HWC: np.ndarray) -> np.ndarray:
        array = image_HWC.transpose(2, 0, 1) if channels_first else image_HWC
        array = np.ascontiguousarray(array[None] if batched else array, dtype)
        tensor = InferInput("image", array.shape, image_input["datatype"])
        tensor.set_data_from_numpy(array)
        requested = [InferRequestedOutput("labels")]
        labels = client.infer(model, [tensor], outputs=requested).as_numpy("labels")
        if labels.size != image_HWC.shape[0] * image_HWC.shape[1]:
            raise SystemExit(
                f"{model}: gives {labels.shape}; masks that overlap are no palette PNG"
            )
        return labels.reshape(image_HWC.shape[:2])

    return segment


def starts(length: int, window: int, step: int) -> list[int]:
    """Return where windows begin along a side; the last one ends with it."""
    last = max(length - window, 0)
    return [*range(0, last, step), last]


def windows(
    size: tuple[int, int], window: int, margin: int
) -> Iterator[tuple[slice, slice, slice, slice]]:
    """Yield rows and columns of windows, and those within them that are used.

    Neighbors overlap by two margins, and each loses its margin to the other: a network sees less
    of the scene around pixels at the border of a window.
    """
    sides = []
    for length in size:
        side = []
        for start in starts(length, window, window - 2 * margin):
            stop = min(start + window, length)
            first = 0 if start == 0 else start + margin
            last = stop if stop == length else stop - margin
            side.append((slice(start, stop), slice(first, last)))
        sides.append(side)
    for seen_rows, rows in sides[0]:
        for seen_columns, columns in sides[1]:
            yield seen_rows, seen_columns, rows, columns


def segment_in_windows(image: np.ndarray, segment: Segment, window: int, margin: int) -> np.ndarray:
    """Return the labels of an image, which the server sees in windows where it is larger."""
    height, width = image.shape[:2]
    if max(height, width) <= window:
        return segment(image)
    labels = np.zeros((height, width), np.int32)
    for seen_rows, seen_columns, rows, columns in windows((height, width), window, margin):
        seen = segment(image[seen_rows, seen_columns])
        inner_rows = slice(rows.start - seen_rows.start, rows.stop - seen_rows.start)
        inner_columns = slice(columns.start - seen_columns.start, columns.stop - seen_columns.start)
        labels[rows, columns] = seen[inner_rows, inner_columns]
    return labels


def write_png(path: Path, labels: np.ndarray, palette: list[int]) -> None:
    """Write labels as a palette PNG, of 16 bits without colors for more than 256 classes."""
    if labels.max(initial=0) > 255:
        Image.fromarray(labels.astype(np.uint16)).save(path)
        return
    image = Image.fromarray(labels.astype(np.uint8))
    image.putpalette(palette)
    image.save(path, compress_type=3)


def arguments() -> Any:
    """Return what was typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--url", default="localhost:8000", help="HOST:PORT")
    parser.add_argument("--model", required=True, help="its name on the server")
    parser.add_argument("--card", type=Path, help="card of the export, for the colors")
    parser.add_argument("--output", type=Path, default=Path("labels"), help="directory of the PNGs")
    parser.add_argument("--window", type=int, default=2048, help="largest side that is sent, in px")
    parser.add_argument("--margin", type=int, default=256, help="of windows that is not used")
    typed = parser.parse_args()
    if not 0 <= 2 * typed.margin < typed.window:
        parser.error("--margin: give less than half of --window")
    if len({path.stem for path in typed.images}) < len(typed.images):
        parser.error("two images have one name; give them in two calls with another --output")
    return typed


def main() -> None:
    """Segment all images."""
    typed = arguments()
    palette = read_palette(typed.card)
    typed.output.mkdir(parents=True, exist_ok=True)
    with InferenceServerClient(typed.url, network_timeout=600.0) as client:
        segment = connect(client, typed.model)
        for path in typed.images:
            labels = segment_in_windows(read_image(path), segment, typed.window, typed.margin)
            target = typed.output / f"{path.stem}.png"
            write_png(target, labels, palette)
            print(target)


if __name__ == "__main__":
    main()
