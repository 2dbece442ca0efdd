"""The gate: what is not the network is not written."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from seg.deployment.loading import read_export
from seg.deployment.mixed_precision_search import RoundedNetwork, select_float_layers
from seg.deployment.parity import Parity, ParityError, Tolerance, measure
from tests.deployment.networks import exported, samples, small_network


def test_a_tampered_network_is_found(pt2_engine):
    network = small_network()
    with torch.no_grad():
        network.decoder.logits.bias[3] += 2  # the file is of other weights now
    parity = measure(network, pt2_engine, samples())
    assert parity.faults(Tolerance(0.9999, 1.0, 0.001))
    assert parity.agreement < 0.9999
    assert parity.max_error == pytest.approx(2, abs=1e-2)


def test_what_is_refused_is_not_written(tmp_path):
    with pytest.raises(ParityError, match=r"% of the pixels .* required are 100.0000 %") as error:
        exported(tmp_path, "pt2", precision="bf16", tolerance=Tolerance(1.0, 0.0, 1.0))
    assert error.value.exit_code == 3
    assert not list(tmp_path.rglob("*"))


@pytest.mark.slow
def test_the_file_before_stays_when_its_successor_is_refused(tmp_path):
    path = exported(tmp_path, "pt2")
    before = path.read_bytes()
    with pytest.raises(ParityError):
        exported(tmp_path, "pt2", tolerance=Tolerance(1.1, 0.0, 1.0))
    assert path.read_bytes() == before
    assert read_export(path, trust=True).card.parity["agreement"] > 0.999


def test_numbers_are_those_of_the_pictures(pt2_engine, network):
    shown = samples()
    parity = measure(network, pt2_engine, shown)
    labels = np.stack([sample.label for sample in shown])
    predicted = np.stack([network.predict(sample.image) for sample in shown])
    ious = []
    for index in range(network.num_classes):
        valid = labels != network.labels.ignore_index
        union = (((labels == index) | (predicted == index)) & valid).sum()
        if union:
            ious.append(((labels == index) & (predicted == index)).sum() / union)
    assert parity.miou_network == pytest.approx(np.mean(ious), rel=1e-9)
    assert parity.pictures == 4
    assert parity.pixels == labels.size
    assert 0 < parity.relative_error < 1e-4


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"agreement": 0.9}, "same class"),
        ({"miou_export": 0.5}, "points of mIoU"),
        ({"finite": False}, "finite"),
        ({"relative_error": 0.18}, "logits are off by 18 %, allowed 0.1 %"),
        ({"relative_error": float("nan")}, "logits are off"),
        ({"agreement": float("nan")}, "same class"),
    ],
)
def test_each_tolerance_counts(changes, word):
    fine = {
        "pictures": 1,
        "pixels": 9,
        "agreement": 1.0,
        "relative_error": 0.0,
        "max_error": 0.0,
        "finite": True,
        "miou_network": 0.6,
        "miou_export": 0.6,
    }
    assert not Parity(**fine).faults(Tolerance(0.99, 0.3, 0.001))
    (fault,) = Parity(**{**fine, **changes}).faults(Tolerance(0.99, 0.3, 0.001))
    assert word in fault


def test_rounding_is_that_of_eight_bits():
    network = small_network()
    shown = [sample.image for sample in samples(2)]
    rounded = RoundedNetwork(network, shown)
    names = rounded.convolutions
    assert rounded.agreement([]) == 1.0
    assert rounded.agreement(names) < 1.0
    assert rounded.agreement([]) == 1.0  # the weights are back
    assert names[0].startswith("encoder.stem")
    assert names[-1] == "decoder.logits"


def test_each_choice_keeps_more_float():
    network = small_network()
    shown = [sample.image for sample in samples(2)]
    rounded = RoundedNetwork(network, shown)
    names = rounded.convolutions
    choices = [set(choice) for choice in select_float_layers(network, shown)]
    assert choices[0] == {names[0], "decoder.logits"}
    assert all(few < more for few, more in pairwise(choices))
    assert choices[-1] < set(names)
    changed = [1 - rounded.agreement(more - few) for few, more in pairwise(choices)]
    assert changed == sorted(changed, reverse=True)
