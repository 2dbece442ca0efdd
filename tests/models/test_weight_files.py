"""PyTorch and safetensors files: wrappers, names, classes, normalisation, damage, malice."""

import argparse
import json
import pickle
import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from seg.errors import DataError
from seg.models.classifier import Classifier
from seg.models.encoders import create_encoder
from seg.models.interfaces import Normalization
from seg.models.segmenter import create_model
from seg.models.weights import load_weights
from seg.models.weights.safetensors_file import facts_header
from tests.conftest import seg
from tests.models.trained_networks import SMALL, equal, randomised, save_own, trained

WRAPPERS = {
    "plain": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "best_pred": np.float64(0.5)},
    "nested": lambda state: {"model": {"state_dict": state}, "optimizer": {"state": {}}},
    "data parallel": lambda state: {f"module.{name}": value for name, value in state.items()},
    "options": lambda state: {"args": argparse.Namespace(lr=0.1), "model_state": state},
    "compiled, half": lambda state: {
        f"module._orig_mod.{name}": value.half() if value.is_floating_point() else value
        for name, value in state.items()
    },
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrapped_states(wrapper, tmp_path):
    source, target = randomised(create_model(SMALL)), create_model(SMALL)
    if "half" in wrapper:
        source.half().float()
    torch.save(WRAPPERS[wrapper](source.state_dict()), tmp_path / "model.pth")
    coverage = load_weights(target, tmp_path / "model.pth")
    assert coverage.complete
    assert equal(target, source)


def test_an_encoder_of_a_whole_model_and_alone(tmp_path):
    source = randomised(create_model(SMALL))
    save_file(source.state_dict(), tmp_path / "whole.safetensors")
    save_file(source.encoder.state_dict(), tmp_path / "encoder.safetensors")
    for name in ("whole.safetensors", "encoder.safetensors"):
        encoder = create_encoder(SMALL, weights=tmp_path / name)
        assert equal(encoder, source.encoder)
    model = create_model(SMALL)
    with pytest.raises(DataError, match=r"not in the file: decoder\."):
        load_weights(model, tmp_path / "encoder.safetensors")
    coverage = load_weights(model, tmp_path / "encoder.safetensors", strict=False)
    assert {name.split(".")[0] for name in coverage.missing} == {"decoder"}


def test_the_folder_of_a_run(tmp_path):
    source = randomised(trained())
    (tmp_path / "checkpoints").mkdir()
    save_own(source, tmp_path / "checkpoints" / "best.ckpt")
    target = trained(seed=1)
    assert load_weights(target, tmp_path).complete
    assert equal(target, source)


def test_other_classes_name_both_lists(tmp_path):
    save_own(randomised(trained(("road", "sky", "car"))), tmp_path / "a.ckpt")
    for names in (("road", "sky"), ("road", "sky", "bus")):
        target = trained(names)
        before = target.decoder.logits.weight.clone()
        with pytest.raises(DataError) as error:
            load_weights(target, tmp_path / "a.ckpt")
        assert "3: road, sky, car" in str(error.value)
        assert f"{len(names)}: {', '.join(names)}" in str(error.value)
        assert "reset_head=true" in str(error.value)
        coverage = load_weights(target, tmp_path / "a.ckpt", reset_head=True)
        assert coverage.missing == ("decoder.logits.weight", "decoder.logits.bias")
        assert torch.equal(target.decoder.logits.weight, before)


def test_reset_head_excuses_the_last_layer_alone(tmp_path):
    state = trained().state_dict()
    del state["decoder.low_level.conv.weight"]
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(DataError, match=r"decoder\.low_level\.conv\.weight"):
        load_weights(trained(), tmp_path / "a.pth", reset_head=True)


def test_a_classifier_with_other_classes(tmp_path):
    torch.save(Classifier(create_encoder(SMALL), num_classes=10).state_dict(), tmp_path / "a.pth")
    target = Classifier(create_encoder(SMALL), num_classes=7)
    with pytest.raises(DataError, match=r"10, without names(.|\n)*7, without names"):
        load_weights(target, tmp_path / "a.pth")
    assert load_weights(target, tmp_path / "a.pth", reset_head=True).missing[0] == "linear.weight"


@pytest.mark.parametrize("in_channels", [1, 3, 4])
def test_normalisation_follows_the_weights(in_channels, tmp_path):
    normalization = Normalization((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    path = tmp_path / "encoder.safetensors"
    state = create_encoder(SMALL).state_dict()
    save_file(state, path, facts_header({"normalization": normalization.to_dict()}, state))
    encoder = create_encoder(SMALL, in_channels=in_channels)
    load_weights(encoder, path)
    mean, std = {1: ((0.5,), (0.3,)), 3: ((), ()), 4: ((0.5,), (0.3,))}[in_channels]
    rgb = ((0.4, 0.5, 0.6), (0.2, 0.3, 0.4)) if in_channels > 1 else ((), ())
    assert encoder.normalization.mean == pytest.approx((*rgb[0], *mean))
    assert encoder.normalization.std == pytest.approx((*rgb[1], *std))


def test_matrices_become_pointwise_kernels(tmp_path):
    source = randomised(create_encoder(SMALL))
    state = {
        name: value[:, :, 0, 0].clone() if value.ndim == 4 and value.shape[2:] == (1, 1) else value
        for name, value in source.state_dict().items()
    }
    torch.save(state, tmp_path / "a.pth")
    target = create_encoder(SMALL, weights=tmp_path / "a.pth")
    assert equal(target, source)


class Malice:
    def __reduce__(self):
        return (open, ("executed", "w"))


@pytest.mark.slow
def test_a_form_without_checksum_is_said(tmp_path, caplog):
    state = randomised(create_encoder(SMALL)).state_dict()
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.save(state, tmp_path / "new.pth")
    with caplog.at_level("WARNING"):
        load_weights(create_encoder(SMALL), tmp_path / "new.pth")
        assert not caplog.text
        load_weights(create_encoder(SMALL), tmp_path / "old.pth")
    (told,) = caplog.messages
    assert "old.pth: PyTorch's form of before 1.6, without checksum" in told
    command = re.search(r"python -m seg\.weights (convert source=.*\.safetensors)", told)[1]
    words = command.replace("NAME", str(tmp_path / "converted")).split()
    assert seg("weights", *words, cwd=tmp_path).returncode == 0
    encoder = create_encoder(SMALL)
    load_weights(encoder, tmp_path / "converted.safetensors")
    torch.testing.assert_close(encoder.state_dict(), {**encoder.state_dict(), **state})


def test_a_pickle_never_executes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": create_encoder(SMALL).state_dict(), "x": Malice()}, "new.pth")
    (tmp_path / "old.pth").write_bytes(pickle.dumps({"x": Malice()}, protocol=2))
    for name in ("new.pth", "old.pth"):
        with pytest.raises(DataError, match=f"{name}: cannot be read safely") as caught:
            load_weights(create_encoder(SMALL), name)
        assert "weights_only" not in str(caught.value)  # torch's advice to run it after all
        assert ".open was not an allowed global" in str(caught.value)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
@pytest.mark.parametrize("kept", [0, 7, 900, -9])
def test_files_cut_short(name, kept, tmp_path):
    path = tmp_path / name
    state = create_encoder(SMALL).state_dict()
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=name):
        load_weights(create_encoder(SMALL), path)


def test_mislabelled_and_foreign_content(tmp_path):
    save_file(create_encoder(SMALL).state_dict(), tmp_path / "really_safetensors.pth")
    (tmp_path / "text.safetensors").write_text("<html>not found</html>")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"epoch": 1}, tmp_path / "no_tensors.pth")
    torch.save({"fc.weight": torch.ones(3)}, tmp_path / "another_network.pth")
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(DataError) as error:
            load_weights(create_encoder(SMALL), path)
        assert path.name in str(error.value)
        assert len(str(error.value).splitlines()) <= 8


def test_a_damaged_header_of_facts(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file(create_encoder(SMALL).state_dict(), path, {"seg": json.dumps({"a": 1})[:-1]})
    with pytest.raises(DataError, match="header is damaged"):
        load_weights(create_encoder(SMALL), path)


@pytest.mark.parametrize(
    "facts", [{"mean": []}, {"mean": [0.5]}, {"std": [1, 1, 0]}, {"std": None}]
)
def test_a_normalisation_that_is_none(facts, tmp_path):
    path = tmp_path / "a.safetensors"
    given = {"mean": [0.5] * 3, "std": [0.5] * 3, **facts}
    state = create_encoder(SMALL).state_dict()
    save_file(state, path, facts_header({"normalization": given}, state))
    with pytest.raises(DataError, match=r"a\.safetensors: damaged"):
        load_weights(create_encoder(SMALL), path)


STRAYS = {
    "criterion.weight": torch.ones(5),
    "val_iou.confmat": torch.zeros(5, 5),
    "mean": torch.zeros(1, 3, 1, 1),
    "n_averaged": torch.tensor(3),
}


@pytest.mark.parametrize("stray", STRAYS)
@pytest.mark.parametrize("prefix", ["model.", "module.", "", "segmenter."])
def test_a_stray_beside_the_network_is_named_and_left_out(prefix, stray, tmp_path):
    source = randomised(create_model(SMALL))
    state = {f"{prefix}{name}": value for name, value in source.state_dict().items()}
    torch.save({"state_dict": {**state, stray: STRAYS[stray]}}, tmp_path / "a.pth")
    target = create_model(SMALL)
    coverage = load_weights(target, tmp_path / "a.pth")
    assert equal(target, source)
    assert coverage.ignored == (stray,)
    assert f"left out: {stray}" in str(coverage)


def test_a_stray_beside_an_encoder_alone(tmp_path):
    source = randomised(create_encoder(SMALL))
    torch.save({**source.state_dict(), "criterion.weight": torch.ones(5)}, tmp_path / "a.pth")
    target = create_encoder(SMALL)
    assert load_weights(target, tmp_path / "a.pth").ignored == ("criterion.weight",)
    assert equal(target, source)


def test_what_lies_with_the_network_is_no_stray(tmp_path):
    """A deeper network's file does not pass for this one's."""
    state = create_model(SMALL).state_dict()
    for name in ("encoder.middle.9.weight", "decoder.more.weight"):
        torch.save({**state, name: torch.ones(3)}, tmp_path / "a.pth")
        with pytest.raises(DataError, match=f"without a place in the model: {name}"):
            load_weights(create_model(SMALL), tmp_path / "a.pth")


def test_names_of_a_file_of_which_nothing_fits(tmp_path):
    torch.save({"blocks.0.attn.qkv.weight": torch.ones(3)}, tmp_path / "a.pth")
    with pytest.raises(DataError) as error:
        load_weights(create_encoder(SMALL), tmp_path / "a.pth", strict=False)
    assert "names in the file: blocks.0.attn.qkv.weight" in str(error.value)
    assert "strict=false" not in str(error.value)
