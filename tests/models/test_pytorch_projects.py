"""Checkpoints of pytorch-deeplab-xception (jfzhang95) and DeepLabV3Plus-Pytorch (VainF).

Their code is not here. The numbers come from their own networks, run in float64 on the same seeded
tensors and pictures (commits 9135e104a7a5 and 4e1087de98bc).
"""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn.functional import interpolate, relu

from seg.errors import ConfigError, DataError
from seg.models.decoders import create_decoder
from seg.models.encoders import create_encoder
from seg.models.encoders.pytorch_deeplab_xception import RectifiedModule
from seg.models.encoders.timm_encoder import create_timm_encoder
from seg.models.segmenter import Segmenter, create_model
from seg.models.weights import load_weights
from seg.models.weights.key_maps.pytorch_deeplab import KEY_MAP
from tests.models.pytorch_projects import (
    checkpoint,
    picture,
    pytorch_deeplab,
    sampled,
    seeded,
    vainf_plain,
    vainf_plus,
    vainf_xception,
)

TOLERANCE = 1e-7
NUM_CLASSES = 4
SIZE = (41, 56)
ENCODER = "pytorch_deeplab_xception"
DECODER = "deeplabv3plus_full"
VAINF = {
    "dropout": 0.1,
    "fusion_dropout": (0.0,),
    "align_corners": False,
    "low_level_first": True,
}
# What `sampled` gave for their networks.
XCEPTION_LAST = {
    16: [2.9972488751, 0.9869159582, 0, 0, 0, 0, 0, 0.1465385764, 0, 0, 0.5423457631, 0.8980444197],
    8: [2.2579459776, 1.0239422896, 1.8177027446, 0, 0, 0, 0.0752953633, 0.8417895249, 0, 0,
        0.4877071667, 0.8166801070],
}  # fmt: skip
XCEPTION_LOGITS = {
    16: [0.4445575669, 0.7066013807, 0.0367950765, -0.1444396847, 0.1793857058, 0.6299402159,
         0.1298320265, -0.0303322211, 0.2927319978, 0.0769253420, 0.1795790311, 0.2843111902],
    8: [0.4427958564, 0.6663235503, 0.0756639137, -0.1320965301, 0.2024683018, 0.6286905080,
        0.1224535182, -0.0140153027, 0.2370526441, 0.0445077049, 0.1912948745, 0.2815640050],
}  # fmt: skip
RESNET_LOGITS = {
    16: [0.8329105590, -0.4629565166, -2.4089062467, -0.6790179791, -0.2945913865, -0.1886625879,
         -1.8564656634, -0.5412460313, 0.1856612762, -0.1947731864, -0.7195258604, 0.8531588904],
    8: [0.8238897427, -0.4552320261, -2.3033744153, -0.7360648056, -0.1963274012, 0.0775963855,
        -2.1191051798, -0.3944105361, 0.2773947959, -0.0085162578, -0.6625911412, 0.8495400096],
}  # fmt: skip
PLUS_LOGITS = [
    0.9129912575, -0.1934016131, -0.8890062096, -1.1417600125, 0.2995204298, 0.2069089283,
    -1.1949659890, -0.1215985521, 0.3626498581, 0.0804201936, -0.2774806069, 0.6091877193,
]  # fmt: skip
PLAIN_LOGITS = [
    0.5052961302, -0.2257061677, 0.8090153175, 0.3090379914, -0.5546346075, -0.5440344001,
    0.8329065295, 0.2035053725, -1.2388690025, -0.4335115123, 0.0526248587, 0.5730858982,
]  # fmt: skip


class GivenMaps(nn.Module):
    """Stands where an encoder would, for a decoder that is tested alone."""

    def __init__(self, *maps):
        super().__init__()
        self.maps = maps
        self.channels = (3, *(each.shape[1] for each in maps))
        self.strides = (1, 4, 16)
        self.output_stride = 16

    def forward(self, image_BCHW):
        return [image_BCHW, *self.maps]


@pytest.fixture(scope="module")
def xception_file(tmp_path_factory):
    tensors = seeded(pytorch_deeplab(NUM_CLASSES))
    wrapped = {f"module.{name}": value for name, value in tensors.items()}
    with checkpoint(tmp_path_factory.mktemp("jfzhang95"), {"state_dict": wrapped}) as path:
        yield path


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("output_stride", [16, 8])
def test_pytorch_deeplab_computes_the_same(output_stride, xception_file, relative_error):
    model = create_model(
        ENCODER,
        DECODER,
        num_classes=NUM_CLASSES,
        output_stride=output_stride,
        pad_to_grid=False,
    ).eval()
    coverage = load_weights(model, xception_file)
    assert (len(coverage.loaded), coverage.elsewhere) == (707, ())
    assert coverage.complete
    assert coverage.key_map == KEY_MAP.description
    image = picture(2, 3, *SIZE)
    model.double()
    features = model.encoder(image)
    assert relative_error(sampled(features[-1]), XCEPTION_LAST[output_stride]) < TOLERANCE
    assert relative_error(sampled(model(image)), XCEPTION_LOGITS[output_stride]) < TOLERANCE


def test_pytorch_deeplab_encoder_alone(xception_file):
    encoder = create_encoder(ENCODER, output_stride=8, in_channels=1)
    coverage = load_weights(encoder, xception_file)
    assert coverage.complete
    assert coverage.reshaped == ("encoder.stem.0.conv.weight",)
    assert len(coverage.elsewhere) == 707 - len(coverage.loaded) == 47
    assert encoder.normalization.mean == pytest.approx((0.449,))  # of red, green and blue


def test_encoders_of_equal_shapes_refuse_each_other(xception_file, tmp_path):
    """Every tensor of the one would fit into the other, and give wrong numbers."""
    aligned, theirs = create_encoder("aligned_xception65"), create_encoder(ENCODER)
    shapes = [
        sorted(map(tuple, (v.shape for v in each.parameters()))) for each in (aligned, theirs)
    ]
    assert shapes[0] == shapes[1]
    with pytest.raises(DataError, match=r"not in the file: encoder\.entry\.0\.convs"):
        load_weights(aligned, xception_file)
    with (
        checkpoint(tmp_path, {"state_dict": aligned.state_dict()}) as path,
        pytest.raises(DataError, match=r"not in the file: encoder\.entry\.0\.rectified"),
    ):
        load_weights(theirs, path)


def test_every_name_has_one_place():
    names = [name for name, _ in pytorch_deeplab(NUM_CLASSES)]
    whole = KEY_MAP.rename(names)
    assert len(set(whole.values())) == len(names) == 707
    inner = [name.removeprefix("backbone.") for name in names if name.startswith("backbone.")]
    assert set(KEY_MAP.rename(inner).values()) == {
        ours for ours in whole.values() if ours.startswith("encoder.")
    }
    head = [name for name in names if not name.startswith("backbone.")]
    assert set(KEY_MAP.rename(head).values()) == set(whole.values()) - set(
        KEY_MAP.rename(inner).values()
    )
    assert KEY_MAP.rename([name for name, _ in vainf_xception()]) is None


@torch.no_grad()
@pytest.mark.parametrize("skip", ["sum", "conv"])
def test_skip_and_tap_read_the_rectified_input(skip):
    module = RectifiedModule(
        8, (8, 8, 8), skip=skip, stride=1, dilations=(1, 1, 1), final_activation=False
    ).eval()
    x = torch.randn(1, 8, 9, 9)
    (out, tap), (rectified_out, _) = module(x), module(relu(x))
    assert torch.equal(out, rectified_out)
    assert torch.equal(tap, relu(x))


@pytest.mark.parametrize(
    ("output_stride", "expected"),
    [
        (32, [(1, 1, 1), (1, 1, 1), 1, (1, 1, 1), 1]),
        (16, [(1, 1, 1), (1, 1, 1), 1, (1, 1, 1), 2]),
        (8, [(1, 1, 1), (1, 1, 1), 2, (2, 2, 1), 4]),
        (4, [(1, 1, 1), (2, 2, 1), 4, (4, 4, 1), 8]),
    ],
)
def test_last_convolution_of_a_stepping_module_is_not_dilated(output_stride, expected):
    encoder = create_encoder(ENCODER, output_stride=output_stride)
    blocks = [*encoder.entry[1:], encoder.middle[7], *encoder.exit]
    found = [
        tuple(conv.depthwise.conv.dilation[0] for conv in each.rectified.convs) for each in blocks
    ]
    assert found == [each if isinstance(each, tuple) else (each,) * 3 for each in expected]


@torch.no_grad()
@pytest.mark.parametrize("output_stride", [4, 32])
def test_maps_are_rectified_inputs(output_stride):
    encoder = create_encoder(ENCODER, output_stride=output_stride).eval()
    maps = encoder(torch.randn(1, 3, 33, 50))
    assert encoder.channels == (3, 64, 128, 256, 728, 2048)
    for each, stride, channels in zip(maps, encoder.strides, encoder.channels, strict=True):
        assert each.shape == (1, channels, -(-33 // stride), -(-50 // stride))
    assert all(each.min() == 0 for each in maps[1:])
    assert {m.eps for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-5}
    assert encoder.normalization.std == (0.229, 0.224, 0.225)


@torch.no_grad()
@pytest.mark.parametrize(
    ("shapes", "options", "expected"),
    [
        (vainf_plus(64, 24, NUM_CLASSES), {}, PLUS_LOGITS),
        (vainf_plain(64, NUM_CLASSES), {"low_level_stride": None}, PLAIN_LOGITS),
    ],
    ids=["deeplabv3plus", "deeplabv3"],
)
def test_vainf_decoder_computes_the_same(shapes, options, expected, tmp_path, relative_error):
    encoder = GivenMaps(picture(2, 24, 17, 26), picture(2, 64, 5, 7))
    decoder = create_decoder(DECODER, encoder, num_classes=NUM_CLASSES, **VAINF, **options)
    model = Segmenter(encoder, decoder).eval()
    with checkpoint(tmp_path, {"model_state": seeded(shapes)}) as path:
        coverage = load_weights(model, path)
    assert coverage.complete
    assert not coverage.elsewhere
    found = model.double().coarse_logits(picture(2, 3, 65, 101))
    assert relative_error(sampled(found), expected) < TOLERANCE
    model.pad_to_grid = False
    whole = interpolate(found, (65, 101), mode="bilinear", align_corners=False)
    torch.testing.assert_close(model(picture(2, 3, 65, 101)), whole, rtol=0, atol=0)


@torch.no_grad()
@pytest.mark.slow
@pytest.mark.parametrize("output_stride", [16, 8])
def test_vainf_resnet_computes_the_same(output_stride, tmp_path, relative_error):
    """The kind that it published; timm dilates a ResNet as torchvision and VainF do, smp not."""
    resnet = torchvision.models.resnet50().state_dict()
    shapes = {
        f"backbone.{name}": tuple(tensor.shape)
        for name, tensor in resnet.items()
        if not name.startswith("fc.") and not name.endswith("num_batches_tracked")
    }
    shapes |= dict(vainf_plus(2048, 256, NUM_CLASSES))
    encoder = create_timm_encoder("resnet50", output_stride=output_stride)
    decoder = create_decoder(DECODER, encoder, num_classes=NUM_CLASSES, **VAINF)
    model = Segmenter(encoder, decoder).eval()
    with checkpoint(tmp_path, {"model_state": seeded(shapes)}) as path:
        assert load_weights(model, path).complete
    found = model.double().coarse_logits(picture(2, 3, *SIZE))
    assert relative_error(sampled(found), RESNET_LOGITS[output_stride]) < TOLERANCE


def test_vainf_xception_lacks_the_last_norm(tmp_path):
    encoder = create_encoder("xception", pool_padding="symmetric", norm_eps=1e-5)
    with checkpoint(tmp_path, {"model_state": seeded(vainf_xception())}) as path:
        with pytest.raises(DataError, match=r"not in the file: encoder\.exit\.1\.convs\.1"):
            load_weights(encoder, path)
        coverage = load_weights(encoder, path, strict=False)
    last = "encoder.exit.1.convs.1.pointwise.norm."
    assert [name.removeprefix(last) for name in coverage.missing] == [
        "weight",
        "bias",
        "running_mean",
        "running_var",
    ]
    assert not coverage.unexpected
    assert len(coverage.loaded) == 230


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_classes": 0},
        {"dropout": 1.0},
        {"fusion_dropout": ()},
        {"fusion_dropout": (0.5, -0.1)},
        {"low_level_stride": 5},
        {"atrous_rates": (0,)},
    ],
)
def test_wrong_decoder_values(wrong):
    encoder = create_encoder("aligned_xception_tiny")
    with pytest.raises(ConfigError, match=r"allowed|give|has"):
        create_decoder(DECODER, encoder, **{"num_classes": 2, **wrong})


def test_dropout_follows_the_pyramid_and_each_fusion():
    encoder = create_encoder("aligned_xception_tiny")
    decoder = create_decoder(DECODER, encoder, num_classes=2, fusion_dropout=(0.3, 0.2, 0.1))
    assert len(decoder.fuse) == 3
    assert [each.p for each in decoder.modules() if isinstance(each, nn.Dropout)] == [
        0.5, 0.3, 0.2, 0.1,
    ]  # fmt: skip
    maps = [torch.randn(2, count, 9, 9) for count in encoder.channels]
    logits_of = decoder(maps)
    assert logits_of.shape == (2, 2, 9, 9)
    assert not torch.equal(logits_of, decoder(maps)), "dropout is active in training"
