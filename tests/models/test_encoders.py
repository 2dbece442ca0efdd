"""What every encoder promises, whoever wrote it."""

import pytest
import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.encoders._base import EncoderMixin
from torch import nn

from seg.errors import ConfigError
from seg.models.encoders import SMP_NAMES, create_encoder, encoder_names, register_in_smp
from seg.models.interfaces import Normalization, check_encoder
from seg.models.segmenter import create_model
from tests.models.xceptions import TINY, XCEPTIONS


@pytest.mark.parametrize("name", encoder_names())
def test_every_encoder_gives_the_maps_that_it_declares(name, monkeypatch):
    encoder = create_encoder(name, in_channels=4)
    monkeypatch.setattr(type(encoder), "is_measured", False, raising=False)
    check_encoder(encoder, in_channels=4)
    assert sum(p.numel() for p in encoder.parameters() if p.requires_grad) > 0


@pytest.mark.parametrize("name", encoder_names())
def test_smp_knows_those_alone_that_have_what_it_calls(name):
    register_in_smp()
    named = SMP_NAMES.get(name, name) in smp.encoders.encoders
    assert named == (name in XCEPTIONS or isinstance(create_encoder(name), EncoderMixin))


class Sound(nn.Module):
    """An encoder of one map."""

    channels, strides, output_stride, normalization = (3, 5), (1, 4), 4, Normalization()

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 4, stride=4)

    def forward(self, image):
        return [image, self.conv(image)]


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("channels", None, r"channels is None; expected: those of the image and of each map"),
        ("channels", (1, 5), r"channels is \(1, 5\); expected: .*\(3, ...\)"),
        (
            "channels",
            (3, 6),
            r"maps of \(channels, stride\) \(3, 1\), \(5, 4\)\n.*\(3, 1\), \(6, 4\)",
        ),
        ("strides", (1, 2, 4), r"strides is \(1, 2, 4\); expected: 2 that never fall"),
        ("strides", (4, 1), r"strides is \(4, 1\); expected"),
        ("output_stride", 16, r"output_stride is 16; expected: the last of strides"),
        ("normalization", (0.5, 0.5), r"normalization is .*; expected: Normalization\(\) of 3"),
        ("normalization", Normalization().for_channels(1), r"normalization is .* of 3 channels"),
        ("forward", lambda image: image, r"forward gives Tensor: a list of maps is expected"),
        ("forward", lambda image: [image], r"forward gives maps of .* \(3, 1\)\n"),
        ("forward", lambda image: ()[len(image)], r"forward fails on an image of .*IndexError"),
    ],
)
def test_an_encoder_is_told_what_it_lacks(attribute, value, message):
    encoder = Sound()
    check_encoder(encoder, in_channels=3)
    assert encoder.training
    setattr(encoder, attribute, value)
    with pytest.raises(ConfigError, match=message) as error:
        check_encoder(encoder, in_channels=3)
    assert str(error.value).startswith("encoder: Sound lacks")
    assert len(str(error.value).splitlines()) <= 6


@pytest.mark.parametrize(
    ("decoder", "options"),
    [
        ("deeplabv3plus", {"low_level_stride": 4}),
        ("deeplabv3plus", {"low_level_stride": None}),
        ("feature_pyramid", {"level_strides": (4,), "level_channels": (8,)}),
    ],
)
def test_decoders_take_an_encoder_of_any_number_of_maps(decoder, options):
    model = create_model(Sound(), decoder, num_classes=2, decoder_options=options)
    logits = model(torch.randn(2, 3, 33, 50))
    assert logits.shape == (2, 2, 33, 50)


def test_wrong_names_and_values():
    with pytest.raises(ConfigError, match="did you mean 'aligned_xception65'") as error:
        create_encoder("aligned_xception_65")
    assert all(name in str(error.value) for name in encoder_names())
    with pytest.raises(ConfigError, match="did you mean 'multi_grid'"):
        create_encoder(TINY, multigrid=(1, 2, 4))
    for wrong in ({"output_stride": 12}, {"in_channels": 0}, {"multi_grid": (1, 2)}, {"depth": 6}):
        with pytest.raises(ConfigError, match=r"allowed|give"):
            create_encoder(TINY, **wrong)
    with pytest.raises(ConfigError, match="valid"):
        create_encoder("xception", padding="reflect")
