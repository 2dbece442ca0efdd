"""Files of weights: ours, and those of the libraries that are read."""

import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.torch import save_file

from seg.models.interfaces import IMAGENET
from seg.models.weights.digests import sealed
from seg.models.weights.format import read_weights
from seg.models.weights.safetensors_file import facts_header
from seg.training.checkpoint import read_checkpoint
from seg.training.checkpoint_io import AtomicCheckpointIO
from tests.fuzz.kind import Kind
from tests.fuzz.records import LABELS
from tests.models.bundle_writer import write_bundle

TENSORS = {"a.weight": torch.arange(24.0).view(4, 6), "a.bias": torch.arange(4.0)}


def write_checkpoint(folder: Path) -> Path:
    own = {
        "format": 1,
        "config": {"seed": 3, "encoder": {"name": "resnet50"}},
        "labels": LABELS.to_dict(),
        "normalization": IMAGENET.to_dict(),
    }
    state = {f"model.{name}": tensor for name, tensor in TENSORS.items()}
    content = {"state_dict": state, "seg": own, "global_step": 7}
    AtomicCheckpointIO().save_checkpoint(content, folder / "a.ckpt")
    return folder / "a.ckpt"


def checkpoint(path: Path) -> tuple:
    found = read_checkpoint(path)
    tensors = {name: tensor.tolist() for name, tensor in found.model_state.items()}
    return tensors, found.config, found.labels, found.normalization


def write_torch(folder: Path) -> Path:
    torch.save(TENSORS, folder / "a.pth")
    return folder / "a.pth"


def write_legacy(folder: Path) -> Path:
    torch.save(TENSORS, folder / "a.pth", _use_new_zipfile_serialization=False)
    return folder / "a.pth"


def write_own_safetensors(folder: Path) -> Path:
    facts = {"normalization": IMAGENET.to_dict(), "classes": ["road", "car"]}
    save_file(TENSORS, folder / "a.safetensors", facts_header(facts, TENSORS))
    return folder / "a.safetensors"


def write_safetensors(folder: Path) -> Path:
    save_file(TENSORS, folder / "a.safetensors")
    return folder / "a.safetensors"


def write_directory(name):
    def write(folder: Path) -> Path:
        save_file(TENSORS, folder / "model.safetensors")
        facts = {"normalization": IMAGENET.to_dict(), "classes": ["road", "car"]}
        (folder / "seg.json").write_text(json.dumps(sealed(facts, TENSORS)))
        return folder / name

    return write


def write_keras(folder: Path) -> Path:
    inner = write_hdf5(folder).rename(folder / "model.weights.h5")
    with zipfile.ZipFile(folder / "a.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(inner, inner.name)
    return folder / "a.keras"


def write_hdf5(folder: Path) -> Path:
    with h5py.File(folder / "a.weights.h5", "w") as file:
        values = file.create_group("layers/dense/vars")
        values.create_dataset("0", data=np.ones((6, 3), np.float32))
        values.create_dataset("1", data=np.ones(3, np.float32))
    return folder / "a.weights.h5"


def bundle(suffix):
    def write(folder: Path) -> Path:
        arrays = {"xception_41/entry_flow/conv1_1/weights": np.ones((3, 3, 3, 4), np.float32)}
        write_bundle(folder / "model.ckpt", arrays)
        return folder / f"model.ckpt.{suffix}"

    return write


def weights(path: Path) -> tuple:
    found = read_weights(path)
    arrays = {name: (each.shape, each.tobytes()) for name, each in found.arrays.items()}
    return arrays, found.normalization, found.classes


WEIGHTS = (
    Kind("checkpoint", write_checkpoint, checkpoint, verified=True),
    Kind("torch file", write_torch, weights, verified=True),
    Kind("torch file of before 1.6", write_legacy, weights),
    Kind("safetensors of ours", write_own_safetensors, weights, verified=True),
    Kind("safetensors", write_safetensors, weights),
    Kind("directory: seg.json", write_directory("seg.json"),
         lambda path: weights(path.parent), "json"),
    Kind("directory: model.safetensors", write_directory("model.safetensors"),
         lambda path: weights(path.parent), verified=True),
    Kind("HDF5", write_hdf5, weights),
    Kind("Keras archive", write_keras, weights, verified=True),
    Kind("TensorFlow index", bundle("index"),
         lambda path: weights(path.with_name("model.ckpt.index")), verified=True),
    Kind("TensorFlow data", bundle("data-00000-of-00001"),
         lambda path: weights(path.with_name("model.ckpt.index")), verified=True),
)  # fmt: skip
