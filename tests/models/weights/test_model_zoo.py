"""The list of published checkpoints against timm's and Keras' own words."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import timm

from seg.models.encoders import encoder_names
from seg.models.weights.model_zoo import PUBLISHED, default_source


def test_published_checkpoints_are_consistent():
    assert len({each.name for each in PUBLISHED}) == len(PUBLISHED)
    known = {*encoder_names(), "aligned_xception41p", "aligned_xception65p"}
    for each in PUBLISHED:
        assert each.encoder in known, each.name
        assert each.by_hand == each.source.startswith("http"), each.name
        assert not (each.default and each.by_hand), each.name
        if each.source.startswith("timm/"):
            entry = timm.get_pretrained_cfg(each.source.removeprefix("timm/"))
            assert entry.license == each.licence.lower(), each.name
            assert entry.num_classes == each.num_classes, each.name
            assert entry.input_size == (3, 299, 299), each.name


def test_every_timm_xception_is_published_here():
    ours = {each.source for each in PUBLISHED}
    theirs = {f"timm/{name}" for name in timm.list_pretrained("*xception*")}
    assert theirs <= ours


def test_md5s_are_those_in_keras():
    keras = find_spec("keras")
    if keras is None or keras.origin is None:
        pytest.skip("needs Keras' source, which names the digests")
    source = Path(keras.origin).with_name("src") / "applications" / "xception.py"
    for each in PUBLISHED:
        if each.md5:
            assert each.md5 in source.read_text(), each.name


def test_the_default_of_each_encoder():
    assert default_source("aligned_xception65") == "timm/xception65.ra3_in1k"
    assert default_source("xception") == default_source("legacy_xception")
    assert default_source("xception") == "timm/legacy_xception.tf_in1k"
    assert default_source("aligned_xception_tiny") is None
    defaults = [each.encoder for each in PUBLISHED if each.default]
    assert len(set(defaults)) == len(defaults) == 6
