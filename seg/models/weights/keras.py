"""Weights of Keras' Xception: `.weights.h5`, `.keras`, and the two older `.h5` forms.

Only arrays are read, with h5py; nothing is deserialised into objects.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError
from seg.models.weights.format import NORM_FIELDS, Arrays, WeightFormat, convolution, depthwise

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_LARGEST_BYTES = 2**28
_ARCHIVED = "model.weights.h5"
_NAMED = re.compile(r"block(\d+)_(conv|sepconv)(\d+)(_bn)?")

Layer: TypeAlias = tuple[str, list[NDArray[Any]]]


def _sepconv_counts() -> dict[str, int]:
    """Separable convolutions of each block, in the network's order."""
    entry = {f"entry.{index}": 2 for index in range(3)}
    middle = {f"middle.{index}": 3 for index in range(8)}
    return entry | middle | {"exit.0": 2, "exit.1": 2}


_BLOCKS = tuple(_sepconv_counts())
_WITH_SKIP = ("entry.0", "entry.1", "entry.2", "exit.0")


def _ordered_names() -> dict[str, list[str]]:
    """Our layer names for each kind of layer, in the order in which Keras counts them."""
    stem = ["stem.0", "stem.1"]
    separable, norms = [], [*stem]
    for block, count in _sepconv_counts().items():
        names = [f"{block}.convs.{index}" for index in range(count)]
        separable += names
        norms += [f"{name}.pointwise" for name in names]
        norms += [f"{block}.skip"] * (block in _WITH_SKIP)
    return {
        "convolution": stem + [f"{block}.skip" for block in _WITH_SKIP],
        "separable": separable,
        "norm": norms,
        "dense": ["linear"],
    }


def _kind(arrays: list[NDArray[Any]]) -> str | None:
    kinds = {(4,): "convolution", (4, 4): "separable", (1, 1, 1, 1): "norm", (2, 1): "dense"}
    return kinds.get(tuple(array.ndim for array in arrays))


def _fields(ours: str, kind: str, arrays: list[NDArray[Any]]) -> Arrays:
    """One layer's arrays under our names."""
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
    """Our name for a layer that Keras names itself (shortcuts it only counts)."""
    if layer == "predictions":
        return "linear"
    named = _NAMED.fullmatch(layer)
    if named is None:
        return None
    block, index = int(named[1]), int(named[3]) - 1
    if named[2] == "conv":
        return f"stem.{index}"
    if not 2 <= block < 2 + len(_BLOCKS):
        return None
    name = f"{_BLOCKS[block - 2]}.convs.{index}"
    return f"{name}.pointwise" if kind == "norm" else name


def _assign(layers: list[Layer], path: Path) -> Arrays:
    """Names where layers have them, order for the rest; or order for all where none has."""
    order = _ordered_names()
    out: Arrays = {}
    unnamed: list[tuple[str, Layer]] = []
    for name, arrays in layers:
        kind = _kind(arrays)
        if kind is None:
            raise DataError(f"{path}: layer {name!r} is of no kind that Xception has")
        ours = _name_from_keras(name, kind)
        if ours is None:
            unnamed.append((kind, (name, arrays)))
        else:
            if ours not in order[kind]:
                raise DataError(f"{path}: layer {name!r} has no place in Xception, or comes twice")
            order[kind].remove(ours)
            out |= _fields(ours, kind, arrays)
    for kind, (name, arrays) in unnamed:
        if not order[kind]:
            raise DataError(f"{path}: one {kind} layer more than Xception has: {name!r}")
        out |= _fields(order[kind].pop(0), kind, arrays)
    return out


def _counted_layers(group: Any) -> Iterator[Layer]:
    """Layers of the Keras 3 form: `<class>_<count>/vars/<index>`, models nested."""
    for name in sorted(group, key=_natural):
        layer = group[name]
        if "vars" in layer and len(layer["vars"]):
            stored = layer["vars"]
            yield name, [_array(stored, key) for key in sorted(stored, key=_natural)]
        if "layers" in layer:
            yield from _counted_layers(layer["layers"])


def _array(group: Any, key: str) -> NDArray[Any]:
    """One array, out of this file alone: it might point into other files, or claim any size."""
    dataset = group[key]
    if dataset.file.id != group.file.id or dataset.external or dataset.is_virtual:
        raise DataError(f"{dataset.name}: lies in another file; weights must be in one")
    if dataset.nbytes > _LARGEST_BYTES:
        raise DataError(
            f"{dataset.name}: {dataset.nbytes} bytes; no array of Xception is that large"
        )
    return np.asarray(dataset)


def _natural(name: str) -> tuple[str, int]:
    counted = re.fullmatch(r"(.*?)_?(\d+)", name)
    return (counted[1], int(counted[2])) if counted else (name, -1)


def _named_layers(group: Any) -> Iterator[Layer]:
    """Layers of the older form: the attributes list layers and weights in order."""
    for layer in group.attrs["layer_names"]:
        name = _text(layer)
        stored = group[name]
        arrays = [_array(stored, _text(weight)) for weight in stored.attrs["weight_names"]]
        if arrays:
            yield name, arrays


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _layers(file: Any, path: Path) -> list[Layer]:
    if "model_weights" in file:
        return list(_named_layers(file["model_weights"]))
    if "layer_names" in file.attrs:
        return list(_named_layers(file))
    if "layers" in file:
        return list(_counted_layers(file["layers"]))
    raise DataError(f"{path} is an HDF5 file, but not of Keras weights")


def _archived(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return _ARCHIVED in archive.namelist()


def _recognises(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(len(_HDF5_MAGIC))
    return start == _HDF5_MAGIC or path.suffix == ".keras" or _archived(path)


def _read(path: Path) -> Arrays:
    try:
        if zipfile.is_zipfile(path) or path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive, archive.open(_ARCHIVED) as member:
                return _read_hdf5(member, path)
        return _read_hdf5(path, path)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: damaged or cut short ({error}); fetch it again") from error


def _read_hdf5(file: Any, path: Path) -> Arrays:
    with h5py.File(file, "r") as opened:
        return _assign(_layers(opened, path), path)


FORMAT = WeightFormat(
    "Keras Xception weights (.weights.h5, .keras, older .h5 weights or whole model)",
    _recognises,
    _read,
)
