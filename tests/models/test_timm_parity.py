"""timm's aligned Xceptions: its features and logits, through its names, at each of its strides."""

import copy

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch.nn.functional import relu

from seg.errors import DataError
from seg.models.classifier import Classifier
from seg.models.encoders import create_encoder
from seg.models.encoders.aligned_xception import AlignedXception, Layout
from seg.models.weights import load_weights
from seg.models.weights.key_maps.timm_xception import KEY_MAP
from tests.models.conftest import settled

VARIANTS = {
    "xception41.tf_in1k": "aligned_xception41",
    "xception65.tf_in1k": "aligned_xception65",
    "xception65.ra3_in1k": "aligned_xception65",
    "xception71.tf_in1k": "aligned_xception71",
    "xception41p.ra3_in1k": "aligned_xception41p",
    "xception65p.ra3_in1k": "aligned_xception65p",
}
PREACT = ("aligned_xception41p", "aligned_xception65p")
TOLERANCE = 1e-5
EVERYDAY = {("xception41.tf_in1k", 8), ("xception41p.ra3_in1k", 8), ("xception65p.ra3_in1k", 16)}
# at stride 8 timm's xception71 lacks a shortcut: a test of its own
CASES = [
    pytest.param(name, stride, marks=[] if (name, stride) in EVERYDAY else pytest.mark.slow)
    for name in VARIANTS
    for stride in (8, 16, 32)
    if (name, stride) != ("xception71.tf_in1k", 8)
]


def saved(network, path):
    save_file(network.state_dict(), path)
    return path


@pytest.mark.parametrize(("name", "output_stride"), CASES)
@torch.no_grad()
def test_features_equal(name, output_stride, tmp_path, relative_error):
    reference = settled(timm.create_model(name, features_only=True, output_stride=output_stride))
    encoder = create_encoder(VARIANTS[name], output_stride=output_stride).eval()
    weights = saved(reference, tmp_path / "features.safetensors")
    assert load_weights(encoder, weights).complete
    image = torch.randn(1, 3, 66, 75)
    expected, found = reference(image), encoder(image)[1:]
    if VARIANTS[name] in PREACT:
        expected[-1] = relu(expected[-1])  # timm's tap lies before the last ReLU, which follows
    else:
        found = [relu(each) for each in found]  # its other taps lie after ReLU, ours before
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert 0.1 < theirs.std() < 10
        assert relative_error(ours, theirs) < TOLERANCE


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("features_only", [False, True])
def test_every_tensor_has_one_place(name, features_only):
    with torch.device("meta"):
        theirs = timm.create_model(name, features_only=features_only).state_dict()
        ours = Classifier(create_encoder(VARIANTS[name]), num_classes=1000).state_dict()
    renamed = KEY_MAP.rename(theirs)
    assert set(renamed) == set(theirs)
    assert sorted(renamed.values()) == sorted(
        key for key in ours if not (features_only and key.startswith("linear."))
    )
    assert all(theirs[key].shape == ours[place].shape for key, place in renamed.items())


@torch.no_grad()
def test_logits_equal(tmp_path, relative_error):
    reference = settled(timm.create_model("xception41p.ra3_in1k", num_classes=10))
    encoder = create_encoder("aligned_xception41p", output_stride=32)
    classifier = Classifier(encoder, num_classes=10).eval()
    coverage = load_weights(classifier, saved(reference, tmp_path / "whole.safetensors"))
    assert coverage.complete
    assert not coverage.elsewhere
    image = torch.randn(2, 3, 64, 97)
    assert relative_error(classifier(image), reference(image)) < TOLERANCE
    assert classifier.normalization.mean == reference.default_cfg["mean"]
    assert classifier.normalization.std == reference.default_cfg["std"]


@torch.no_grad()
def test_shortcut_of_xception71_survives_stride_8(tmp_path, relative_error):
    """timm drops block 4's where its stride is held; TensorFlow and we keep it."""
    whole = settled(timm.create_model("xception71.tf_in1k", num_classes=0))
    held = timm.create_model("xception71.tf_in1k", num_classes=0, output_stride=8).eval()
    lost = held.load_state_dict(whole.state_dict(), strict=False)
    assert not lost.missing_keys
    assert {key.rpartition(".")[0] for key in lost.unexpected_keys} == {
        "blocks.4.shortcut.conv",
        "blocks.4.shortcut.bn",
    }
    encoder = create_encoder("aligned_xception71", output_stride=8).eval()
    with pytest.raises(DataError, match=r"not in the file: encoder\.entry\.4\.skip\.conv\.weight"):
        load_weights(encoder, saved(held, tmp_path / "stride_8.safetensors"))
    assert load_weights(encoder, saved(whole, tmp_path / "whole.safetensors")).complete

    image = torch.randn(1, 3, 66, 75)
    coarse, maps = whole.forward_features(image), encoder(image)[1:]
    assert relative_error(maps[-1][..., ::4, ::4], coarse) < TOLERANCE
    assert relative_error(held.forward_features(image)[..., ::4, ::4], coarse) > 0.1

    held.blocks[4].shortcut = copy.deepcopy(whole.blocks[4].shortcut)
    held.blocks[4].shortcut.conv.stride = (1, 1)
    mended = held.forward_intermediates(image, intermediates_only=True)
    for ours, theirs in zip(maps, mended, strict=True):
        assert relative_error(relu(ours), theirs) < TOLERANCE


SMALL = Layout(
    2,
    (8, 8),
    ((8, 2), (16, 2), (24, 2)),
    ((24, 32, 32), (40, 40, 48)),
    pre_activation=True,
    norm_eps=1e-5,
)


@torch.no_grad()
@pytest.mark.parametrize("output_stride", [4, 8, 16])
def test_preactivation_dilates_exactly(output_stride, relative_error):
    coarse = settled(AlignedXception(SMALL, output_stride=32))
    finer = AlignedXception(SMALL, output_stride=output_stride).eval()
    finer.load_state_dict(coarse.state_dict())
    image, step = torch.randn(1, 3, 66, 75), 32 // output_stride
    found, expected = finer(image)[-1][..., ::step, ::step], coarse(image)[-1]
    assert relative_error(found, expected) < TOLERANCE


def test_preactivation_takes_the_options_of_its_kin():
    options = {"output_stride": 8, "in_channels": 4, "multi_grid": (1, 2, 4), "depth": 5}
    plain = AlignedXception(SMALL, **options)
    checkpointed = AlignedXception(SMALL, **options, gradient_checkpointing=True)
    checkpointed.load_state_dict(plain.state_dict())
    assert [conv.depthwise.conv.dilation[0] for conv in plain.exit[1].convs] == [4, 8, 16]
    image = torch.randn(2, 4, 33, 40)
    for encoder in (plain, checkpointed):
        sum(each.square().mean() for each in encoder(image)[1:]).backward()
    for ours, theirs in zip(plain.parameters(), checkpointed.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)
    shallow = AlignedXception(SMALL, depth=3)
    assert [each.shape[1] for each in shallow(image[:, :3])] == [3, 8, 16, 24]
