"""Weights of Keras' Xception: `.weights.h5`, `.keras`, and the two older `.h5` forms.

Only arrays are read, with h5py; nothing is deserialised into objects.
"""

import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError, error_summary
from seg.models.interfaces import Normalization
from seg.models.weights.archive import check_archive, require_plausible
from seg.models.weights.format import (
    NORM_FIELDS,
    Arrays,
    WeightFile,
    WeightFormat,
    convolution,
    depthwise,
)

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_DEEPEST = 32
_ARCHIVED = "model.weights.h5"
_NAMED = re.compile(r"block(\d+)_(conv|sepconv)(\d+)(_bn)?")

Layer: TypeAlias = tuple[str, list[NDArray[Any]]]


# channels of each block's separable convolutions, in network order
_SEPARABLE_WIDTHS: dict[str, tuple[int, ...]] = {
    **{f"entry.{index}": (width, width) for index, width in enumerate((128, 256, 728))},
    **{f"middle.{index}": (728, 728, 728) for index in range(8)},
    "exit.0": (728, 1024),
    "exit.1": (1536, 2048),
}
_BLOCKS = tuple(_SEPARABLE_WIDTHS)
_WITH_SKIP = ("entry.0", "entry.1", "entry.2", "exit.0")


def _places() -> dict[str, dict[str, tuple[int, ...]]]:
    """Return our layer names for each kind of layer, in the order in which Keras counts them.

    Each has the channels that distinguish it from other layers: those of the output, before them
    those of the input where they are fixed.
    """
    convolutions: dict[str, tuple[int, ...]] = {"stem.0": (32,), "stem.1": (32, 64)}
    separable: dict[str, tuple[int, ...]] = {}
    norms: dict[str, tuple[int, ...]] = {"stem.0": (32,), "stem.1": (64,)}
    reached = 64
    for block, widths in _SEPARABLE_WIDTHS.items():
        names = [f"{block}.convs.{index}" for index in range(len(widths))]
        inputs = (reached, *widths)
        separable |= {name: (inputs[i], widths[i]) for i, name in enumerate(names)}
        norms |= {f"{name}.pointwise": (widths[i],) for i, name in enumerate(names)}
        if block in _WITH_SKIP:
            norms[f"{block}.skip"] = widths[-1:]
            convolutions[f"{block}.skip"] = (reached, widths[-1])
        reached = widths[-1]
    return {
        "convolution": convolutions,
        "separable": separable,
        "norm": norms,
        "dense": {"linear": (reached, -1)},
    }


def _fits(place: tuple[int, ...], arrays: list[NDArray[Any]]) -> bool:
    """Return whether a layer's last array has the channels of a place; -1 is any number."""
    shape = arrays[-1].shape if arrays[0].ndim != 2 else arrays[0].shape
    channels = shape[len(shape) - len(place) :]
    return all(want in (-1, have) for want, have in zip(place, channels, strict=True))


def _kind(arrays: list[NDArray[Any]]) -> str | None:
    kinds = {(4,): "convolution", (4, 4): "separable", (1, 1, 1, 1): "norm", (2, 1): "dense"}
    return kinds.get(tuple(array.ndim for array in arrays))


def _fields(ours: str, kind: str, arrays: list[NDArray[Any]]) -> Arrays:
    """Return one layer's arrays under our names."""
    if kind == "dense":
        kernel, bias = arrays
        return {f"{ours}.weight": np.ascontiguousarray(kernel.T), f"{ours}.bias": bias}
    if kind == "convolution":
        return {f"encoder.{ours}.conv.weight": convolution(arrays[0])}
    if kind == "norm":
        names = [f"encoder.{ours}.norm.{field}" for field in NORM_FIELDS]
        return dict(zip(names, arrays, strict=True))
    return {
        f"encoder.{ours}.depthwise.conv.weight": depthwise(arrays[0]),
        f"encoder.{ours}.pointwise.conv.weight": convolution(arrays[1]),
    }


def _name_from_keras(layer: str, kind: str) -> str | None:
    """Return our name for a layer that Keras names itself (it only counts shortcuts)."""
    own_name = layer.rpartition("/")[2]
    if own_name == "predictions":
        return "linear"
    named = _NAMED.fullmatch(own_name)
    if named is None:
        return None
    block, index = int(named[1]), int(named[3]) - 1
    if named[2] == "conv":
        return f"stem.{index}"
    if not 2 <= block < 2 + len(_BLOCKS):
        return None
    name = f"{_BLOCKS[block - 2]}.convs.{index}"
    return f"{name}.pointwise" if kind == "norm" else name


def _assign(layers: list[Layer]) -> tuple[Arrays, tuple[str, ...]]:
    """Assign arrays by name where layers have names, the rest by order and shape.

    Further layers, such as another task's head, are skipped; their names are the second result.
    """
    places = _places()
    out: Arrays = {}
    unnamed: list[tuple[str, Layer]] = []
    ignored: list[str] = []
    for name, arrays in layers:
        kind = _kind(arrays)
        ours = None if kind is None else _name_from_keras(name, kind)
        if kind is None or (ours is not None and ours not in places[kind]):
            ignored.append(name)
        elif ours is None:
            unnamed.append((kind, (name, arrays)))
        else:
            del places[kind][ours]
            out |= _fields(ours, kind, arrays)
    heads = sum(kind == "dense" for kind, _ in unnamed)
    if out or heads > 1:
        places["dense"].clear()  # they are another task's: Keras' own head is alone, or named
    for kind, (name, arrays) in unnamed:
        ours = next(iter(places[kind]), None)
        if ours is None or not _fits(places[kind][ours], arrays):
            ignored.append(name)
        else:
            del places[kind][ours]
            out |= _fields(ours, kind, arrays)
    return out, tuple(ignored)


def _counted_layers(group: Any) -> list[Layer]:
    """Read layers of the Keras 3 form: `<class>_<count>/vars/<index>`, models nested.

    Of a model and those inside it the one with most separable convolutions comes first: Xception
    itself, so that no layer around it is counted as one of its own.
    """
    own: list[Layer] = []
    models = [own]
    for name in sorted(group, key=_natural):
        layer = group[name]
        if "vars" in layer and len(layer["vars"]):
            stored = layer["vars"]
            own.append((name, [_array(stored, key) for key in sorted(stored, key=_natural)]))
        if "layers" in layer:
            inner = _counted_layers(layer["layers"])
            models.append([(f"{name}/{inner_name}", arrays) for inner_name, arrays in inner])
    models.sort(key=lambda model: -sum(_kind(arrays) == "separable" for _, arrays in model))
    return [layer for model in models for layer in model]


def _array(group: Any, key: str) -> NDArray[Any]:
    array = np.asarray(group[key])
    if array.dtype.kind not in "fiub":
        raise DataError(f"{group.name}/{key}: holds {array.dtype}, not numbers")
    return array


def _require_own_content(file: Any, path: Path) -> None:
    """Refuse links to elsewhere, cycles, and sizes that the file cannot hold.

    Raises:
        DataError: before any array is read.
    """
    todo = [(file, 0)]
    seen = set()
    announced = 0
    while todo:
        node, depth = todo.pop()
        place = h5py.h5o.get_info(node.id).addr
        if place in seen or depth > _DEEPEST:
            raise DataError(f"{path}: damaged: {node.name} is reached twice, or nested too deep")
        seen.add(place)
        if isinstance(node, h5py.Group):
            for name in node:
                if not isinstance(node.get(name, getlink=True), h5py.HardLink):
                    raise DataError(
                        f"{path}: {node.name}/{name} points elsewhere; weights must be in one file"
                    )
                todo.append((node[name], depth + 1))
        elif isinstance(node, h5py.Dataset):
            if node.external or node.is_virtual:
                raise DataError(f"{path}: {node.name} lies in another file; weights must be in one")
            chunk_bytes = math.prod(node.chunks or ()) * node.dtype.itemsize
            announced += max(node.nbytes, chunk_bytes)
            require_plausible(path, announced)


def _natural(name: str) -> tuple[str, int]:
    counted = re.fullmatch(r"(.*?)_?(\d+)", name)
    return (counted[1], int(counted[2])) if counted else (name, -1)


def _named_layers(group: Any) -> Iterator[Layer]:
    """Read layers of the older form: the attributes list layers and weights in order.

    A model inside the model is one layer there; its weights are distinguished by their own layers'
    names, and those that are not trained come last.
    """
    for layer in group.attrs["layer_names"]:
        name = _text(layer)
        stored = group[name]
        inner: dict[str, list[NDArray[Any]]] = {}
        for weight in stored.attrs["weight_names"]:
            path = _text(weight)
            inner.setdefault(path.rpartition("/")[0], []).append(_array(stored, path))
        for part, arrays in inner.items():
            yield name if len(inner) == 1 else f"{name}/{part}", arrays


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _layers(file: Any, path: Path) -> list[Layer]:
    if "model_weights" in file:
        return list(_named_layers(file["model_weights"]))
    if "layer_names" in file.attrs:
        return list(_named_layers(file))
    if "layers" in file:
        return _counted_layers(file["layers"])
    raise DataError(f"{path} is an HDF5 file, but not of Keras weights")


def _recognises(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(len(_HDF5_MAGIC))
    if start == _HDF5_MAGIC or path.suffix == ".keras":
        return True
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return _ARCHIVED in archive.namelist()


def _read(path: Path) -> WeightFile:
    try:
        if zipfile.is_zipfile(path) or path.suffix == ".keras":
            check_archive(path)
            with zipfile.ZipFile(path) as archive, archive.open(_ARCHIVED) as member:
                return _read_hdf5(member, path)
        return _read_hdf5(path, path)
    except (OSError, KeyError, RuntimeError) as error:  # h5py's own, by the kind of node
        reason = error_summary(error)
        raise DataError(f"{path}: damaged or cut short ({reason}); fetch it again") from error


def _read_hdf5(file: Any, path: Path) -> WeightFile:
    with h5py.File(file, "r") as opened:
        _require_own_content(opened, path)
        arrays, ignored = _assign(_layers(opened, path))
    return WeightFile(arrays, Normalization(), ignored=ignored)


FORMAT = WeightFormat(
    "Keras",
    "Keras Xception weights (.weights.h5, .keras, older .h5 weights or whole model)",
    _recognises,
    _read,
)
