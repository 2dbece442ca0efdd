"""PyTorch and safetensors files: wrappers, names, classes, normalisation, damage, malice."""

import argparse
import json
import pickle
import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from seg.data.label_space import LabelSpace
from seg.errors import DataError
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.classifier import Classifier
from seg.models.encoders import create_encoder
from seg.models.interfaces import Normalization
from seg.models.segmenter import create_model
from seg.models.weights import load_weights
from seg.models.weights.safetensors_file import facts_header
from seg.models.weights.torch_file import CHECKPOINT_KEY
from tests.conftest import seg

SMALL = "aligned_xception_tiny"
COLORS = ((1, 2, 3), (4, 5, 6), (7, 8, 9))


def randomised(module):
    """Other values in every tensor, running statistics included."""
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.1, 1)
    return module


def equal(ours, theirs):
    pairs = zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs if a.is_floating_point())


def trained(names=("road", "sky", "car"), seed=0):
    torch.manual_seed(seed)
    model = create_model(SMALL, num_classes=len(names))
    labels = LabelSpace.identity(names, COLORS[: len(names)])
    return TrainedSegmenter(model.encoder, model.decoder, labels)


def save_own(model, path):
    """A checkpoint as training writes it."""
    own = {
        "format": 1,
        "config": {},
        "labels": model.labels.to_dict(),
        "normalization": model.normalization.to_dict(),
    }
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save({"state_dict": {**state, "loss.weight": torch.ones(3)}, CHECKPOINT_KEY: own}, path)


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
    assert encoder.normalization.mean == (0.4, 0.5, 0.6, 0.4)[:in_channels]
    assert encoder.normalization.std == (0.2, 0.3, 0.4, 0.2)[:in_channels]


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


RAW_AND_AVERAGED = {
    "ema": lambda raw, ema: {"state_dict": raw, "ema": ema},
    "state_dict_ema": lambda raw, ema: {"state_dict": raw, "state_dict_ema": ema},
    "model_ema": lambda raw, ema: {"model": raw, "model_ema": {"module": ema}},
    "one dictionary": lambda raw, ema: {
        **{f"model.{name}": value for name, value in raw.items()},
        **{f"ema_model.module.{name}": value for name, value in ema.items()},
    },
    "Lightning": lambda raw, ema: {
        "state_dict": {f"model.{name}": value for name, value in ema.items()},
        "current_model_state": {f"model.{name}": value for name, value in raw.items()},
    },
}


@pytest.mark.parametrize("kind", RAW_AND_AVERAGED)
def test_raw_and_averaged_weights_are_told_apart_and_chosen(kind, tmp_path):
    raw, ema = randomised(create_model(SMALL)), randomised(create_model(SMALL))
    content = RAW_AND_AVERAGED[kind](raw.state_dict(), ema.state_dict())
    torch.save(content, tmp_path / "a.pth")
    usual = ema if kind == "Lightning" else raw
    for chosen, expected in ((None, usual), (True, ema), (False, raw)):
        target = create_model(SMALL)
        coverage = load_weights(target, tmp_path / "a.pth", moving_average=chosen)
        assert equal(target, expected)
        words = "moving averages" if expected is ema else "weights in training"
        if chosen is None:
            assert f"the {words}; moving_average={str(expected is raw).lower()} takes" in str(
                coverage
            )


def test_averages_alone_are_the_weights(tmp_path):
    source = randomised(create_model(SMALL))
    averaged = torch.optim.swa_utils.AveragedModel(source)
    for content in ({"ema": source.state_dict(), "epoch": 3}, averaged.state_dict()):
        torch.save(content, tmp_path / "a.pth")
        target = create_model(SMALL)
        coverage = load_weights(target, tmp_path / "a.pth")
        assert equal(target, source)
        assert not coverage.taken
        with pytest.raises(DataError, match="no moving averages"):
            load_weights(target, tmp_path / "a.pth", moving_average=True)


def test_our_own_averages_lie_beside_the_weights_in_training(tmp_path):
    averages, in_training = randomised(trained()), randomised(trained(seed=2))
    save_own(averages, tmp_path / "a.ckpt")
    content = torch.load(tmp_path / "a.ckpt", weights_only=True)
    content["moving_average"] = {"step": 3, "in_training": in_training.state_dict()}
    torch.save(content, tmp_path / "a.ckpt")
    for chosen, expected in ((None, averages), (False, in_training)):
        target = trained(seed=1)
        coverage = load_weights(target, tmp_path / "a.ckpt", moving_average=chosen)
        assert coverage.taken.startswith("the ")
        assert equal(target, expected)


def test_names_of_a_file_of_which_nothing_fits(tmp_path):
    torch.save({"blocks.0.attn.qkv.weight": torch.ones(3)}, tmp_path / "a.pth")
    with pytest.raises(DataError) as error:
        load_weights(create_encoder(SMALL), tmp_path / "a.pth", strict=False)
    assert "names in the file: blocks.0.attn.qkv.weight" in str(error.value)
    assert "strict=false" not in str(error.value)
