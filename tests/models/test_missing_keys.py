"""A checkpoint that lacks a key says which one, not what Python made of it."""

import pytest
import torch

from seg.errors import DataError
from seg.models.weights.digests import digests
from seg.models.weights.format import read_weights
from seg.training.checkpoint import read_checkpoint
from tests.models.weight_files import own_checkpoint

MISSING = object()


def put(content, key, value):
    *way, last = key.split("/")
    for part in way:
        content = content[part]
    if value is MISSING:
        del content[last]
    else:
        content[last] = value


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "a.ckpt"
    own_checkpoint(path)
    return path


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("state_dict", MISSING, "no state_dict in it"),
        ("state_dict", None, "state_dict is None; a mapping is expected"),
        ("state_dict", [1], "state_dict is [1]; a mapping is expected"),
        ("state_dict/model.x", None, "state_dict.model.x is None; a tensor is expected"),
        ("seg/labels", MISSING, "no seg.labels in it"),
        ("seg/labels", None, "seg.labels is None; a mapping is expected"),
        ("seg/labels/names", None, "is None; a list is expected"),
        ("seg/normalization", {"mean": [0.5]}, "normalization is {'mean': [0.5]}; a mean and a"),
        ("seg/normalization", {"mean": None, "std": None}, "a mean and a std"),
    ],
)
def test_weights_that_cannot_be_read(key, value, words, sound, tmp_path):
    for read in (read_checkpoint, read_weights):
        assert words in refusal(read, key, value, sound, tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("seg/config", MISSING, "no seg.config in it"),
        ("seg/config", None, "seg.config is None; a mapping is expected"),
        ("seg/format", MISSING, "checkpoint format None"),
        ("seg", None, "seg is None; a mapping is expected"),
        ("seg/labels/palette", MISSING, "palette of the classes is None; a list is expected"),
        ("seg/labels/palette", [1, 2], "palette of the classes holds 1, not 3 numbers"),
        ("seg/labels/file_ids", [[0, None]], "file id 0 of class None"),
        ("seg/labels/file_ids", [[0]], "file_ids of the classes holds [0], not 2 numbers"),
        ("seg/labels/ignore_index", MISSING, "ignore index None; allowed: 0 to 65535"),
        ("global_step", None, "global_step is None; a whole number from 0 is expected"),
        ("global_step", -5, "global_step is -5"),
    ],
)
def test_what_a_network_needs_besides(key, value, words, sound, tmp_path):
    assert words in refusal(read_checkpoint, key, value, sound, tmp_path)


def refusal(read, key, value, sound, folder):
    content = torch.load(sound, weights_only=True)
    content["seg"].pop("sha256")
    put(content, key, value)
    if isinstance(content.get("seg"), dict):
        content["seg"]["sha256"] = digests(content)
    path = folder / "b.ckpt"
    torch.save(content, path)
    with pytest.raises(DataError) as caught:
        read(path)
    message = str(caught.value)
    assert "b.ckpt" in message
    assert "copy" in message or "update" in message
    assert "NoneType" not in message
    assert "Error" not in message
    assert len(message.splitlines()) <= 6
    return message
