"""Damaged and hostile weight files: refused with the file's name, never used, never expensive."""

import json
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from seg.build.models import load_model
from seg.errors import DataError
from seg.models.encoders import create_encoder
from seg.models.parameter_limit import TooManyParametersError, parameters_limited
from seg.models.weights import load_weights
from seg.models.weights.digests import digests, sealed, unsealed
from seg.models.weights.format import read_weights
from seg.models.weights.tensor_bundle import Bundle
from seg.training.checkpoint import read_checkpoint
from seg.weight_tools.encoder_checkpoint import write_with_card
from tests.models.bundle_writer import write_bundle
from tests.models.weight_files import ENCODER, flip, own_checkpoint, refused

FACTS = {"encoder": ENCODER, "normalization": {"mean": [0.5] * 3, "std": [0.25] * 3}}
CARD = {**FACTS, "classes": [], "origin": "here"}


@pytest.mark.parametrize("part", ["data/3", "data.pkl"])
def test_one_bit_of_a_checkpoint(part, tmp_path):
    path = tmp_path / "a.ckpt"
    own_checkpoint(path)
    read_checkpoint(path)
    with zipfile.ZipFile(path) as archive:
        entry = next(each for each in archive.infolist() if each.filename.endswith(part))
    names, extra = struct.unpack("<HH", path.read_bytes()[entry.header_offset + 26 :][:4])
    flip(path, entry.header_offset + 30 + names + extra + entry.file_size // 2)
    for read in (read_checkpoint, read_weights, load_model):
        with pytest.raises(DataError, match=r"a\.ckpt: damaged \(.*checksum"):
            read(path)


def test_tensors_that_were_not_saved_with_the_others(tmp_path):
    """The zip file is whole, but another tensor lies in it, or one lacks."""
    path = tmp_path / "a.ckpt"
    own_checkpoint(path)
    content = torch.load(path, weights_only=True)
    for name in ("model.encoder.stem.0.conv.weight", "more"):
        changed = {**content["state_dict"], name: torch.zeros(3)}
        torch.save({**content, "state_dict": changed}, tmp_path / "b.ckpt")
        with pytest.raises(DataError, match=rf"b\.ckpt: damaged: 1 tensors.*\n.*{name}"):
            read_checkpoint(tmp_path / "b.ckpt")
    del content["optimizer_states"]
    torch.save(content, tmp_path / "b.ckpt")
    assert "optimizer_states/0/state/0" in refused(tmp_path / "b.ckpt")
    del content["seg"]["sha256"]  # as checkpoints were written before
    torch.save(content, tmp_path / "old.ckpt")
    assert read_checkpoint(tmp_path / "old.ckpt").labels.num_classes == 2


def test_digests_tell_type_shape_and_values_apart():
    same = digests({"a": [torch.arange(4.0).reshape(2, 2).T]})
    assert same == digests({"a": [torch.tensor([[0.0, 2.0], [1.0, 3.0]])]})
    others = [torch.arange(4), torch.arange(4.0), torch.arange(4.0).reshape(2, 2)]
    assert len({digests({"a": each})["a"] for each in others} | set(same.values())) == 4
    plain, tensors = unsealed(sealed({"miou": float("nan"), "by": {1: 2}}), Path("a"))
    assert tensors == {}
    read_back = {**sealed(plain), "miou": None}
    assert unsealed(read_back, Path("a"))[0]["miou"] is None
    with pytest.raises(DataError, match="what was written"):
        unsealed({**read_back, "by": {"1": 3}}, Path("a"))


def test_two_entries_of_one_name_and_sizes_beyond_the_file(tmp_path):
    torch.save({"a.weight": torch.ones(3)}, tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth", "a") as archive, pytest.warns(UserWarning):
        archive.writestr(archive.namelist()[-1], b"again")
    assert "two entries of one name" in refused(tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "b.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(2**26))
    assert "asks for 64 MiB" in refused(tmp_path / "b.pth")


def test_a_tensor_far_larger_than_its_file(tmp_path):
    torch.save({"a.weight": torch.ones(1).expand(2**16, 2**16)}, tmp_path / "a.pth")
    assert "asks for 16384 MiB" in refused(tmp_path / "a.pth")


def test_a_configuration_without_end(tmp_path):
    nested: dict = {}
    for _ in range(100):
        nested = {"a": nested}
    circle: dict = {}
    circle["a"] = circle
    for config in (nested, circle):
        own_checkpoint(tmp_path / "a.ckpt", inner=config)
        with pytest.raises(DataError, match=r"a\.ckpt: damaged: nested deeper"):
            read_checkpoint(tmp_path / "a.ckpt")


def test_a_checkpoint_that_asks_for_a_huge_network(small_run, tmp_path):
    content = torch.load(small_run / "checkpoints" / "best.ckpt", weights_only=True)
    for part, key, value in (
        ("encoder", "name", "aligned_xception71"),
        ("decoder", "aspp_channels", 2**18),
    ):
        config = content["seg"]["config"]
        changed = {**config, part: {**config[part], key: value}}
        torch.save({**content, "seg": {**content["seg"], "config": changed}}, tmp_path / "a.ckpt")
        with pytest.raises(DataError, match=r"a\.ckpt: cannot build .* more than \d"):
            load_model(tmp_path / "a.ckpt")


def test_the_limit_on_values_ends_with_its_block():
    with pytest.raises(TooManyParametersError), parameters_limited(100):
        torch.nn.Linear(2**15, 2**15)
    with parameters_limited(6):
        torch.nn.Linear(2, 2)
    assert torch.nn.Linear(20, 20).weight.shape == (20, 20)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite(value, tmp_path):
    state = create_encoder(ENCODER).state_dict()
    state["stem.0.conv.weight"][0, 0, 0] = value
    torch.save(state, tmp_path / "a.pth")
    target = create_encoder(ENCODER)
    before = target.stem[0].conv.weight.clone()
    with pytest.raises(DataError, match=r"a\.pth: 1 tensors hold NaN(.|\n)*weight \(3 of"):
        load_weights(target, tmp_path / "a.pth")
    assert torch.equal(target.stem[0].conv.weight, before)
    content = own_checkpoint(tmp_path / "b.ckpt")
    content["state_dict"]["model.decoder.logits.bias"][1] = value
    torch.save(content, tmp_path / "b.ckpt")
    with pytest.raises(DataError, match=r"b\.ckpt: 1 tensors hold NaN"):
        read_checkpoint(tmp_path / "b.ckpt")


def test_our_safetensors_carry_their_sums(tmp_path):
    path = tmp_path / "a.safetensors"
    state = create_encoder(ENCODER).to(memory_format=torch.channels_last).state_dict()
    write_with_card(path, {f"encoder.{name}": value for name, value in state.items()}, CARD)
    assert load_weights(create_encoder(ENCODER), path).complete
    whole = path.read_bytes()
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    text = whole[8:header].decode()
    places = (8 + text.index("0.25") + 3, 8 + text.index('"seg":') + 1)
    for position in (header, len(whole) - 3, *places):
        path.write_bytes(whole)
        flip(path, position)
        assert "damaged" in refused(path)


def test_an_old_safetensors_file_has_no_sums(tmp_path):
    state = create_encoder(ENCODER).state_dict()
    save_file(state, tmp_path / "a.safetensors", {"seg": json.dumps(FACTS)})
    encoder = create_encoder(ENCODER, weights=tmp_path / "a.safetensors")
    assert encoder.normalization.std == (0.25,) * 3


def test_facts_beside_a_model_carry_the_sums_of_its_tensors(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(create_encoder(ENCODER).state_dict(), path)
    (tmp_path / "seg.json").write_text(json.dumps(sealed(FACTS, load_file(path))))
    assert read_weights(tmp_path).normalization.std == (0.25,) * 3
    flip(path, path.stat().st_size - 2)
    with pytest.raises(DataError, match=r"damaged: 1 tensors are not"):
        read_weights(tmp_path)


def test_zip_directories_that_are_damaged(tmp_path):
    torch.save({"encoder.a": torch.ones(3)}, tmp_path / "a.pth")
    whole = (tmp_path / "a.pth").read_bytes()
    directory = whole.index(b"PK\x01\x02")
    for position in range(directory, len(whole), 7):
        (tmp_path / "a.pth").write_bytes(whole)
        flip(tmp_path / "a.pth", position)
        try:
            found = read_weights(tmp_path / "a.pth").arrays
        except DataError as error:
            assert "a.pth" in str(error)
        else:
            assert found["encoder.a"].tolist() == [1, 1, 1]


def test_a_tensorflow_checkpoint_that_claims_sizes(tmp_path):
    prefix = tmp_path / "model.ckpt"
    write_bundle(prefix, {"a": np.ones(8, np.float32), "b": np.zeros(8, np.float32)})
    assert Bundle(prefix).read("a").tolist() == [1] * 8
    shutil.copy(prefix.with_name("model.ckpt.index"), tmp_path / "index")
    data = prefix.with_name("model.ckpt.data-00000-of-00001")
    flip(data, 3)
    with pytest.raises(DataError, match="a fails its checksum"):
        Bundle(prefix).read("a")
    data.write_bytes(data.read_bytes()[:40])
    with pytest.raises(DataError, match="cut short: 40 octets, 64 are needed"):
        Bundle(prefix).read("b")


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool, torch.complex64])
def test_what_is_no_float_is_no_weight(tmp_path, dtype):
    encoder = create_encoder(ENCODER)
    state = dict(encoder.state_dict())
    name = next(name for name, tensor in state.items() if tensor.ndim == 4)
    torch.save({**state, name: state[name].to(dtype)}, tmp_path / "a.pth")
    with pytest.raises(
        DataError, match=rf"{name}: {dtype} in the file, float32".replace("torch.", "")
    ):
        load_weights(encoder, tmp_path / "a.pth")


def test_tensors_in_place_of_plain_values_are_damage(tmp_path):
    content = own_checkpoint(tmp_path / "a.ckpt")
    for key in ("normalization", "kind", "format", "labels", "config"):
        own = {**content["seg"], key: torch.ones(3)}
        torch.save({**content, "seg": own}, tmp_path / "b.ckpt")
        with pytest.raises(DataError, match=r"damaged|format") as caught:
            read_checkpoint(tmp_path / "b.ckpt")
        assert len(str(caught.value).splitlines()) <= 6


@pytest.mark.filterwarnings("error")
def test_a_torchscript_file_is_one_short_error(tmp_path):
    with pytest.warns(FutureWarning):
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "a.pt")
    assert "TorchScript" in refused(tmp_path / "a.pt")
