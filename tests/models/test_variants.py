"""Each switch of the separable convolution, against what torch computes from plain convolutions."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from seg.errors import ConfigError
from seg.models.blocks import SeparableConv2d
from seg.models.encoders import create_encoder
from seg.models.registry import ENCODERS
from seg.models.variants import Variant, VariantConv2d, full_convolution
from seg.profiling.flops import count
from tests.models.conftest import settled

IN, OUT = 8, 12


def original(**options):
    chosen = {"norm_eps": 1e-3, "activation": False, "stride": 2, "dilation": 1, **options}
    return SeparableConv2d(IN, OUT, **chosen).eval()


def norm(x, module):
    return functional.batch_norm(
        x, module.running_mean, module.running_var, module.weight, module.bias, eps=module.eps
    )


def variant(source=None, **options):
    return settled(VariantConv2d(source or original(), Variant(**options)).eval())


@pytest.fixture
def image():
    return torch.randn(2, IN, 9, 10, generator=torch.Generator().manual_seed(0))


def test_the_default_changes_nothing(image):
    source = settled(original())
    same = VariantConv2d(source, Variant()).eval()
    same.load_state_dict(source.state_dict())
    torch.testing.assert_close(same(image), source(image))


def test_pointwise_first(image):
    conv = variant(order="pointwise_first")
    wide = norm(functional.conv2d(image, conv.pointwise.conv.weight), conv.pointwise.norm)
    spatial = functional.conv2d(wide, conv.depthwise.conv.weight, None, 2, 1, 1, OUT)
    torch.testing.assert_close(conv(image), norm(spatial, conv.depthwise.norm))


@pytest.mark.parametrize(
    ("between", "function"), [("none", nn.Identity()), ("relu", nn.ReLU()), ("elu", nn.ELU())]
)
@pytest.mark.parametrize("normed", [True, False])
def test_what_stands_between(between, function, normed, image):
    conv = variant(between=between, norm_between=normed)
    assert isinstance(conv.depthwise.norm, nn.BatchNorm2d) == normed
    spatial = functional.conv2d(image, conv.depthwise.conv.weight, None, 2, 1, 1, IN)
    spatial = function(norm(spatial, conv.depthwise.norm) if normed else spatial)
    expected = norm(functional.conv2d(spatial, conv.pointwise.conv.weight), conv.pointwise.norm)
    torch.testing.assert_close(conv(image), expected)


def test_keras_own_pair_gets_a_norm_between():
    assert isinstance(variant(original(norm_between=False)).depthwise.norm, nn.Identity)
    conv = variant(original(norm_between=False), norm_between=True)
    assert conv.depthwise.norm.eps == 1e-3


@pytest.mark.parametrize("kernel_size", [1, 5])
def test_kernel_and_multiplier(kernel_size, image):
    conv = variant(kernel_size=kernel_size, depth_multiplier=2)
    assert conv.depthwise.conv.weight.shape == (2 * IN, 1, kernel_size, kernel_size)
    assert conv(image).shape == (2, OUT, 5, 5)


@pytest.mark.parametrize("towers", [1, 2, 4, IN])
def test_towers_lie_between_a_convolution_and_its_extreme(towers, image):
    conv = variant(towers=towers, norm_between=False)
    assert conv.depthwise.conv.weight.shape == (IN, IN // towers, 3, 3)
    parts = [
        functional.conv2d(x, w, None, 2, 1)
        for x, w in zip(
            image.chunk(towers, 1), conv.depthwise.conv.weight.chunk(towers), strict=True
        )
    ]
    expected = functional.conv2d(torch.cat(parts, 1), conv.pointwise.conv.weight)
    torch.testing.assert_close(conv(image), norm(expected, conv.pointwise.norm))


def test_a_full_convolution_costs_what_the_paper_says(image):
    full, pair = full_convolution(original()), original()
    assert full(image).shape == pair(image).shape
    size = (1, IN, 64, 64)
    ratio = count(pair, size).multiply_adds / count(full, size).multiply_adds
    assert ratio == pytest.approx(1 / OUT + 1 / 9)


@pytest.mark.parametrize("name", ["aligned_xception_tiny", "xception", "aligned_xception41p"])
@pytest.mark.parametrize(
    "options",
    [
        {"order": "pointwise_first", "between": "relu"},
        {"full": True},
        {"towers": 4, "residual": False},
    ],
    ids=str,
)
def test_whole_encoders(name, options):
    with torch.device("meta"), torch.no_grad():  # shapes alone: some of them are huge
        image = torch.empty(1, 3, 65, 65)
        plain, other = create_encoder(name).eval(), create_encoder(name, variant=options).eval()
        shapes = [[each.shape for each in encoder(image)] for encoder in (plain, other)]
    assert shapes[0] == shapes[1]
    keys = set(other.state_dict())
    assert any(".skip" in key for key in keys) == options.get("residual", True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"order": "first"},
            "encoder.variant.order=first; allowed: depthwise_first, pointwise_first",
        ),
        ({"between": "gelu"}, "allowed: None, none, relu, elu"),
        ({"kernel_size": 2}, "odd numbers"),
        ({"towers": 5}, "encoder.variant.towers=5; allowed: divisors of"),
        ({"tower": 5}, "encoder.variant.tower: no such key; allowed: order, between"),
        ({"order": "pointwise_first", "depth_multiplier": 2}, "allowed: 1 with pointwise_first"),
    ],
)
def test_what_is_refused(options, told):
    with pytest.raises(ConfigError, match=told):
        create_encoder("aligned_xception_tiny", variant=options)


def test_networks_without_such_convolutions():
    with pytest.raises(ConfigError, match="plain has no separable convolutions"):
        create_encoder("plain", variant={"full": True})


@pytest.fixture(autouse=True)
def _a_plain_encoder():
    ENCODERS.register("plain")(lambda *, output_stride, in_channels: nn.Conv2d(in_channels, 4, 3))
    yield
    del ENCODERS._factories["plain"]
