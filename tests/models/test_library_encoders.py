"""Networks of smp, timm and torchvision as encoders, held against the libraries' own."""

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from hydra.utils import instantiate

from seg.errors import ConfigError
from seg.models.encoders.library_encoder import LibraryEncoder
from seg.models.encoders.smp_encoder import as_normalization, create_smp_encoder
from seg.models.encoders.timm_encoder import create_timm_encoder
from seg.models.encoders.torchvision_encoder import create_torchvision_encoder
from seg.models.interfaces import IMAGENET, Normalization
from seg.models.segmenter import create_model
from tests.composition import composed
from tests.models.library_networks import randomized, torchvision_googlenet

SEEDS = {
    "vgg16_bn": (32, 512),
    "vgg19_bn": (32, 512),
    "resnet50": (16, 2048),
    "resnet101": (16, 2048),
    "googlenet": (32, 1024),
    "inception_v3": (32, 2048),
    "inception_v4": (32, 1536),
    "inception_resnet_v2": (32, 1536),
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_seeds_by_their_option_under_deeplabv3plus(seed):
    encoder = instantiate(composed("train", f"encoder={seed}")["encoder"], in_channels=3)
    assert (encoder.output_stride, encoder.channels[-1]) == SEEDS[seed]
    assert encoder.strides == (1, 2, 4, 8, 16, SEEDS[seed][0])
    model = create_model(encoder, num_classes=4).eval()
    with torch.no_grad():
        for size in ((97, 131), (128, 96), (65, 65)):
            logits = model(torch.randn(1, 3, *size))
            assert logits.shape == (1, 4, *size)
            assert logits.isfinite().all()
    model.train()(torch.randn(2, 3, 96, 96)).mean().backward()
    assert all(weight.grad is not None for weight in model.parameters())


@pytest.mark.parametrize(
    ("create", "name", "strides"),
    [
        (create_smp_encoder, "mit_b0", (1, 4, 8, 16, 16)),
        (create_smp_encoder, "efficientnet-b0", (1, 2, 4, 8, 16, 16)),
        (create_smp_encoder, "densenet121", (1, 2, 4, 8, 16, 32)),
        (create_timm_encoder, "convnext_atto", (1, 4, 8, 16, 16)),
        (create_timm_encoder, "swin_tiny_patch4_window7_224", (1, 4, 8, 16, 32)),
        (create_timm_encoder, "hrnet_w18_small", (1, 2, 4, 8, 16, 32)),
        (create_timm_encoder, "darknet17", (1, 2, 4, 8, 16, 16)),
    ],
)
def test_other_names_keep_the_contract(create, name, strides):
    """Odd sizes, maps without stride 2 or with stride 1, channels last, sizes to be divisible."""
    encoder = create(name).eval()
    assert encoder.strides == strides
    model = create_model(encoder, num_classes=2).eval()
    with torch.no_grad():
        maps = encoder(torch.randn(1, 3, 160, 96))
        logits = model(torch.randn(1, 3, 97, 131))
    assert tuple(each.shape[1] for each in maps) == encoder.channels
    assert [each.shape[2:] for each in maps] == [(160 // s, 96 // s) for s in strides]
    assert logits.shape == (1, 2, 97, 131)
    assert logits.isfinite().all()


def test_maps_are_smps_own():
    own = randomized(smp.encoders.get_encoder("resnet18", output_stride=16))
    encoder = create_smp_encoder("resnet18").eval()
    encoder.body.load_state_dict(own.state_dict())
    image = torch.randn(1, 3, 97, 64)
    with torch.no_grad():
        for found, expected in zip(encoder(image), own(image), strict=True):
            assert torch.equal(found, expected)


def test_maps_are_timms_own_with_channels_first():
    name = "swin_tiny_patch4_window7_224"
    own = timm.create_model(name, features_only=True).eval()
    encoder = create_timm_encoder(name).eval()
    encoder.body.load_state_dict(own.state_dict())
    image = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        maps, expected = encoder(image)[1:], own(image)
    for map_BCHW, own_BHWC in zip(maps, expected, strict=True):
        torch.testing.assert_close(map_BCHW, own_BHWC.permute(0, 3, 1, 2), rtol=0, atol=0)


def test_maps_are_torchvisions_own():
    own = torchvision_googlenet()
    encoder = create_torchvision_encoder("googlenet").eval()
    features = {key: own.state_dict()[key] for key in encoder.body.state_dict()}
    encoder.body.load_state_dict(features)
    expected = {}
    for name in encoder.body.last_of_stride:
        own.get_submodule(name).register_forward_hook(
            lambda _layer, _given, out, name=name: expected.update({name: out})
        )
    image = torch.randn(1, 3, 97, 64)
    with torch.no_grad():
        own(image)
        maps = encoder(image)[1:]
    for found, reference in zip(maps, expected.values(), strict=True):
        assert torch.equal(found, reference)


@pytest.mark.parametrize("create", [create_smp_encoder, create_timm_encoder])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_networks_that_dilate_hold_any_stride(create, output_stride):
    encoder = create("resnet18", output_stride=output_stride)
    assert encoder.strides == tuple(min(2**level, output_stride) for level in range(6))
    assert encoder(torch.zeros(2, 3, 65, 97))[-1].shape[2:] == (
        64 // output_stride + 1,
        96 // output_stride + 1,
    )


@pytest.mark.parametrize(
    ("create", "name"),
    [
        (create_smp_encoder, "vgg11_bn"),
        (create_timm_encoder, "pvt_v2_b0"),
        (create_torchvision_encoder, "googlenet"),
    ],
)
def test_networks_that_do_not_dilate_say_their_own_stride(create, name):
    assert create(name, output_stride=32).output_stride == 32
    with pytest.raises(ConfigError, match=r"output_stride 16; its own is 32"):
        create(name, output_stride=16)
    with pytest.raises(ConfigError, match=r"output_stride 5; allowed: 4, 8, 16, 32"):
        create(name, output_stride=5)


def test_pictures_that_are_too_small():
    encoder = create_timm_encoder("inception_v3")
    with pytest.raises(ConfigError, match=r"64 x 96 pixels.*\n.*sides of 128 or more"):
        encoder(torch.zeros(2, 3, 64, 96))
    with pytest.raises(RuntimeError, match="channels"):
        encoder(torch.zeros(2, 1, 128, 128))


def test_networks_that_suit_no_decoder_are_refused():
    with pytest.raises(ConfigError, match=r"128 x 192 pixels.*\n.*images of any size"):
        create_timm_encoder("maxvit_rmlp_pico_rw_256")
    with pytest.raises(ConfigError, match="low_level_stride 4: this encoder has maps of stride 16"):
        create_model(create_timm_encoder("vit_tiny_patch16_224"))


@pytest.mark.parametrize("in_channels", [1, 4])
@pytest.mark.parametrize(
    ("create", "name"),
    [
        (create_smp_encoder, "resnet18"),
        (create_timm_encoder, "resnet18"),
        (create_torchvision_encoder, "googlenet"),
    ],
)
def test_input_channels(create, name, in_channels):
    encoder = create(name, in_channels=in_channels)
    assert encoder.channels[0] == in_channels
    assert encoder(torch.zeros(2, in_channels, 65, 65))[-1].shape[0] == 2
    rgb = create(name).normalization
    mean, std = sum(rgb.mean) / 3, sum(rgb.std) / 3
    of_rgb = in_channels > 1
    assert encoder.normalization.mean == pytest.approx((*(rgb.mean if of_rgb else ()), mean))
    assert encoder.normalization.std == pytest.approx((*(rgb.std if of_rgb else ()), std))


def test_measuring_leaves_no_trace():
    body = smp.encoders.get_encoder("resnet18")
    before = {key: value.clone() for key, value in body.state_dict().items()}
    encoder = LibraryEncoder(body, name="x", in_channels=3, normalization=IMAGENET)
    assert body.training
    assert all(layer.training for layer in encoder.modules())
    assert all(torch.equal(value, before[key]) for key, value in body.state_dict().items())


def test_normalization_is_the_librarys():
    assert create_smp_encoder("resnet18").normalization == IMAGENET
    assert create_smp_encoder("inceptionv4").normalization == Normalization()
    assert create_smp_encoder("dpn68").normalization.mean[0] == 124 / 255
    assert create_timm_encoder("resnet18").normalization == IMAGENET
    assert create_timm_encoder("inception_v3.tf_in1k").normalization == Normalization()


def test_normalization_of_other_ranges():
    settings = {"mean": [127.5] * 3, "std": [51.0] * 3, "input_range": [0, 255]}
    bytes_in = as_normalization({**settings, "input_space": "RGB"}, "x")
    assert bytes_in == Normalization((0.5,) * 3, (0.2,) * 3)
    with pytest.raises(ConfigError, match="x reads BGR"):
        as_normalization({**settings, "input_space": "BGR"}, "x")


@pytest.mark.parametrize(
    ("create", "name", "nearest"),
    [
        (create_smp_encoder, "resnt50", "nearest: encoder.name=resnet50"),
        (create_timm_encoder, "convnext_tinny", "nearest: encoder.name=convnext_tiny"),
        (create_torchvision_encoder, "googlnet", "nearest: encoder.name=googlenet"),
    ],
)
def test_unknown_names_bring_the_nearest(create, name, nearest):
    with pytest.raises(ConfigError, match=nearest) as error:
        create(name)
    assert len(str(error.value)) < 300
