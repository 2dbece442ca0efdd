"""Decoders of smp: equal to smp's own models, and over every kind of encoder at any size."""

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from seg.errors import ConfigError
from seg.models.decoders.smp import create_smp_decoder
from seg.models.encoders import create_encoder
from seg.models.encoders.smp_encoder import create_smp_encoder
from seg.models.encoders.timm_encoder import create_timm_encoder
from seg.models.segmenter import Segmenter

TINY = "aligned_xception_tiny"
# Architecture -> output strides of encoders that it takes.
STRIDES = {
    "Unet": (32, 16, 8),
    "UnetPlusPlus": (32,),
    "MAnet": (32,),
    "Linknet": (32,),
    "FPN": (32,),
    "PSPNet": (32, 16, 8),
    "DeepLabV3": (16, 8),
    "DeepLabV3Plus": (16, 8),
    "PAN": (32, 16),
    "UPerNet": (32, 16),
    "Segformer": (32, 16),
}


def renamed(state: dict) -> dict:
    """Names of an smp model in ours."""
    places = {
        "encoder": "encoder.body",
        "decoder": "decoder.decoder",
        "segmentation_head": "decoder.segmentation_head",
    }
    return {
        f"{places[name.partition('.')[0]]}.{name.partition('.')[2]}": value
        for name, value in state.items()
    }


def pair(architecture: str, encoder_name: str) -> tuple[nn.Module, Segmenter]:
    """smp's own model and ours, with the same weights."""
    own = getattr(smp, architecture)(encoder_name, encoder_weights=None, classes=5).eval()
    for layer in own.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
    stride = max(own.encoder._output_stride, 8)
    encoder = create_smp_encoder(encoder_name, output_stride=stride)
    ours = Segmenter(encoder, create_smp_decoder(encoder, num_classes=5, name=architecture)).eval()
    ours.load_state_dict(renamed(own.state_dict()))
    return own, ours


@pytest.mark.parametrize(
    ("architecture", "encoder_name", "size"),
    [
        *((name, "resnet18", (64, 96)) for name in STRIDES if name != "PAN"),
        ("PAN", "resnet18", (128, 128)),
        *((name, "mobilenet_v2", (64, 96)) for name in ("Unet", "FPN", "PSPNet", "DeepLabV3Plus")),
        ("Unet", "resnet18", (97, 131)),
        ("PSPNet", "resnet18", (72, 104)),
        ("Unet", "vgg11_bn", (64, 96)),
        ("Unet", "mit_b0", (64, 96)),
        ("Segformer", "mit_b0", (64, 96)),
    ],
)
def test_logits_are_smps_own(architecture, encoder_name, size):
    own, ours = pair(architecture, encoder_name)
    image = torch.randn(1, 3, *size)
    with torch.no_grad():
        assert torch.equal(ours(image), own(image))


@pytest.mark.parametrize(
    ("architecture", "output_stride"),
    [(name, stride) for name, strides in STRIDES.items() for stride in strides],
)
def test_over_our_own_encoder_at_odd_sizes(architecture, output_stride):
    encoder = create_encoder(TINY, output_stride=output_stride, in_channels=4)
    model = Segmenter(encoder, create_smp_decoder(encoder, num_classes=3, name=architecture))
    with torch.no_grad():
        logits = model.eval()(torch.randn(1, 4, 97, 131))
    assert logits.shape == (1, 3, 97, 131)
    assert logits.isfinite().all()
    model.train()(torch.randn(2, 4, 65, 64)).mean().backward()
    assert all(weight.grad is not None for weight in model.decoder.parameters())


@pytest.mark.parametrize("architecture", ["Unet", "FPN", "UPerNet"])
@pytest.mark.parametrize("encoder_name", ["legacy_xception", "convnext_atto"])
def test_over_unpadded_maps_and_over_maps_without_stride_2(architecture, encoder_name):
    encoder = create_timm_encoder(encoder_name, output_stride=32)
    model = Segmenter(encoder, create_smp_decoder(encoder, num_classes=3, name=architecture))
    with torch.no_grad():
        logits = model.eval()(torch.randn(1, 3, 97, 70))
    assert logits.shape == (1, 3, 97, 70)
    assert logits.isfinite().all()


def test_options_are_smps():
    encoder = create_encoder(TINY, output_stride=32)
    channels = [32, 24, 16, 8]
    decoder = create_smp_decoder(
        encoder, num_classes=3, name="Unet", encoder_depth=4, decoder_channels=channels
    )
    assert [block.conv2[0].out_channels for block in decoder.decoder.blocks] == channels
    assert decoder(encoder(torch.zeros(1, 3, 64, 64))).shape == (1, 3, 64, 64)


@pytest.mark.parametrize(
    ("name", "output_stride", "options", "message"),
    [
        ("FPN", 16, {}, r"decoder.name=FPN needs .* 32, not 16\n.*encoder.output_stride=32"),
        ("Linknet", 16, {"encoder_depth": 5}, "give encoder.output_stride=32"),
        ("DeepLabV3Plus", 32, {}, "8 or 16.*encoder.output_stride"),
        ("Unett", 32, {}, r"did you mean 'Unet'\?\n  allowed: DeepLabV3, DeepLabV3Plus, FPN"),
        ("DPT", 32, {}, "unknown architecture of smp"),
        ("Unet", 32, {"decoder_chanels": 1}, r"did you mean 'decoder_channels'\?"),
        ("Unet", 32, {"classes": 3}, "unknown option of smp's Unet: 'classes'"),
        ("FPN", 32, {"decoder_dropout": "much"}, "decoder.decoder_dropout='much'"),
        ("Unet", 32, {"decoder_channels": [8, 8]}, "decoder.name=Unet: .*depth is 5"),
        ("FPN", 32, {"decoder_merge_policy": "mul"}, "decoder.name=FPN: .*'add', 'cat'"),
        ("Unet", 32, {"encoder_depth": 6}, "encoder_depth 6"),
    ],
)
def test_errors_name_the_remedy(name, output_stride, options, message):
    encoder = create_encoder(TINY, output_stride=output_stride)
    with pytest.raises(ConfigError, match=message):
        create_smp_decoder(encoder, num_classes=3, name=name, **options)


def test_an_encoder_without_a_pyramid_is_refused():
    encoder = create_timm_encoder("vit_tiny_patch16_224")
    with pytest.raises(ConfigError, match=r"decoder.name=Unet .* gives 1, 16, 16, 16"):
        create_smp_decoder(encoder, num_classes=3, name="Unet")


def test_without_padding_other_sizes_are_refused():
    encoder = create_encoder(TINY, output_stride=32)
    decoder = create_smp_decoder(encoder, num_classes=3, name="FPN")
    with pytest.raises(ConfigError, match=r"97 x 128 pixels.*divisible by 32: leave pad_to_grid"):
        Segmenter(encoder, decoder, pad_to_grid=False)(torch.zeros(1, 3, 97, 128))


def test_smps_list_of_encoders_stays_as_it_was():
    before = list(smp.encoders.encoders)
    encoder = create_encoder(TINY, output_stride=32)
    create_smp_decoder(encoder, num_classes=3, name="Unet")
    with pytest.raises(ConfigError):
        create_smp_decoder(encoder, num_classes=3, name="Unet", decoder_channels=[8])
    assert list(smp.encoders.encoders) == before
