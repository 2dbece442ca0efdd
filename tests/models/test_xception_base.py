"""What the Xceptions promise: their maps, strides, dilation, channels, checkpointing, smp."""

import copy

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from seg.errors import ConfigError
from seg.models.encoders import SMP_NAMES, create_encoder, register_in_smp
from seg.models.encoders.xception_base import plan_dilation
from tests.models.xceptions import TINY, XCEPTIONS

STRIDES = (4, 8, 16, 32)


def settled(name, **options):
    """An encoder in evaluation whose norms do something."""
    torch.manual_seed(0)
    encoder = create_encoder(name, **options).eval()
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return encoder


# the large ones at one stride alone, but for `slow`: all share the code that dilates
ENCODERS_AND_STRIDES = [
    pytest.param(
        name,
        stride,
        marks=[] if stride == 16 or name in (TINY, "xception") else [pytest.mark.slow],
    )
    for name in XCEPTIONS
    for stride in STRIDES
]


@pytest.mark.parametrize(("name", "output_stride"), ENCODERS_AND_STRIDES)
def test_maps_are_as_declared(name, output_stride):
    options = {"padding": "same"} if name in ("xception", "legacy_xception") else {}
    encoder = create_encoder(name, output_stride=output_stride, **options).eval()
    with torch.no_grad():
        maps = encoder(torch.randn(1, 3, 33, 50))
    assert encoder.strides == tuple(min(2**k, output_stride) for k in range(6))
    assert encoder.output_stride == output_stride
    for each, stride, channels in zip(maps, encoder.strides, encoder.channels, strict=True):
        assert each.shape == (1, channels, -(-33 // stride), -(-50 // stride))
    assert min(maps[-1].min(), 0) == 0
    if name != "pytorch_deeplab_xception":  # that project taps rectified maps
        assert all(each.min() < 0 for each in maps[1:-1]), "taps lie before ReLU"


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 2), (32, 64), (31, 47)])
def test_any_size(size):
    with torch.no_grad():
        maps = create_encoder(TINY).eval()(torch.randn(1, 3, *size))
    assert maps[-1].shape[2:] == tuple(-(-side // 16) for side in size)


def test_unpadded_stem_needs_seven_pixels():
    encoder = create_encoder("xception").eval()
    assert encoder(torch.randn(1, 3, 7, 7))[-1].shape[2:] == (1, 1)
    assert encoder(torch.randn(1, 3, 98, 75))[1].shape[2:] == ((98 - 3) // 2 - 1, (75 - 3) // 2 - 1)
    with pytest.raises(ConfigError, match='padding="same"'):
        encoder(torch.randn(1, 3, 6, 64))


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        (torch.float32, 1e-4),
        pytest.param(torch.float64, 1e-12, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("size", [(97, 64), (75, 82), (66, 47)])
@pytest.mark.parametrize("name", [TINY, "xception"])
def test_dilation_replaces_stride_exactly(name, size, dtype, tolerance):
    """A held stride changes where the map is sampled, never what is computed there."""
    image = torch.randn(1, 3, *size, dtype=dtype)
    coarse = settled(name, output_stride=32).to(dtype)
    with torch.no_grad():
        expected = coarse(image)[-1]
        for output_stride in (16, 8, 4):
            finer = settled(name, output_stride=output_stride).to(dtype)
            finer.load_state_dict(coarse.state_dict())
            step = 32 // output_stride
            found = finer(image)[-1][:, :, ::step, ::step]
            assert (found - expected).abs().max() < tolerance * expected.abs().max()


@pytest.mark.parametrize(
    ("output_stride", "expected"),
    [
        (32, [(2, 1), (2, 1), (2, 1), (1, 1), (2, 1), (1, 1)]),
        (16, [(2, 1), (2, 1), (2, 1), (1, 1), (1, 1), (1, 2)]),
        (8, [(2, 1), (2, 1), (1, 1), (1, 2), (1, 2), (1, 4)]),
        (4, [(2, 1), (1, 1), (1, 2), (1, 4), (1, 4), (1, 8)]),
    ],
)
def test_published_plan_of_dilation(output_stride, expected):
    assert plan_dilation([2, 2, 2, 1, 2, 1], output_stride) == expected


def test_multi_grid_multiplies_the_last_block():
    encoder = create_encoder(TINY, output_stride=8, multi_grid=(1, 2, 4))
    dilations = [conv.depthwise.conv.dilation[0] for conv in encoder.exit[1].convs]
    assert dilations == [4, 8, 16]


@pytest.mark.parametrize("in_channels", [1, 2, 4])
def test_other_input_channels(in_channels):
    encoder = create_encoder(TINY, in_channels=in_channels).eval()
    assert encoder.channels[0] == in_channels
    assert len(encoder.normalization.mean) == in_channels
    assert encoder(torch.randn(1, in_channels, 32, 32))[0].shape[1] == in_channels


@pytest.mark.parametrize("in_channels", [1, 3])
def test_adapted_channels_answer_grey_alike(in_channels):
    encoder = settled(TINY)
    grey = torch.randn(1, 1, 40, 40)
    with torch.no_grad():
        expected = encoder(grey.expand(-1, 3, -1, -1))[-1]
        encoder.set_in_channels(in_channels)
        found = encoder(grey.expand(-1, in_channels, -1, -1))[-1]
    assert encoder.out_channels[0] == in_channels
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("in_channels", [2, 4, 7])
def test_adapted_channels_keep_the_variance_of_answers(in_channels):
    encoder = settled(TINY)
    with torch.no_grad():
        expected = encoder.stem[0].conv(torch.randn(16, 3, 40, 40)).var()
        encoder.set_in_channels(in_channels)
        found = encoder.stem[0].conv(torch.randn(16, in_channels, 40, 40)).var()
    assert encoder.out_channels[0] == in_channels
    assert found.item() == pytest.approx(expected.item(), rel=0.1)


@pytest.mark.parametrize("name", [TINY, "xception"])
def test_checkpointing_changes_nothing(name):
    plain = create_encoder(name)
    checkpointed = create_encoder(name, gradient_checkpointing=True)
    checkpointed.load_state_dict(plain.state_dict())
    image = torch.randn(2, 3, 40, 48)
    for encoder in (plain, checkpointed):
        for _ in range(2):
            sum(each.float().square().mean() for each in encoder(image)[1:]).backward()
    for key, value in plain.state_dict().items():
        assert torch.equal(value, checkpointed.state_dict()[key]), key
    for ours, theirs in zip(plain.parameters(), checkpointed.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("checkpointed", [False, True])
def test_compiles(checkpointed):
    encoder = create_encoder(TINY, gradient_checkpointing=checkpointed)
    reference = copy.deepcopy(encoder)
    image = torch.randn(2, 3, 32, 48)
    compiled = torch.compile(encoder, backend="aot_eager", fullgraph=True)
    found, expected = compiled(image)[-1], reference(image)[-1]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    found.square().mean().backward()
    expected.square().mean().backward()
    for ours, theirs in zip(encoder.buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_channels_last_and_autocast():
    encoder = settled(TINY)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = encoder(image)[-1]
        fast = encoder.to(memory_format=torch.channels_last)
        image = image.to(memory_format=torch.channels_last)
        torch.testing.assert_close(fast(image)[-1], expected, rtol=1e-4, atol=1e-4)
        assert fast(image)[-1].is_contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = fast(image)[-1].float()
    assert (half - expected).norm() < 0.05 * expected.norm()


def test_starts_at_a_sensible_scale():
    """Neither vanishing nor exploding, forward or backward, at the first step."""
    encoder = create_encoder("aligned_xception41")
    last = encoder(torch.randn(2, 3, 65, 65))[-1]
    last.square().mean().backward()
    assert 0.1 < last.std() < 10
    norms = [p.grad.norm() for p in encoder.parameters() if p.ndim == 4]
    assert all(norm > 0 for norm in norms)
    assert max(norms) < 1e3


@pytest.mark.parametrize(
    "name", [TINY, "xception", pytest.param("aligned_xception65", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("decoder", [smp.Unet, smp.DeepLabV3Plus, smp.FPN])
def test_decoders_of_smp_train_on_it(name, decoder):
    register_in_smp()
    model = decoder(SMP_NAMES.get(name, name), encoder_weights=None, in_channels=4, classes=5)
    logits = model(torch.randn(2, 4, 64, 96))
    assert logits.shape == (2, 5, 64, 96)
    logits.square().mean().backward()
    assert next(model.encoder.parameters()).grad.abs().sum() > 0


def test_smp_options():
    register_in_smp()
    shallow = smp.Unet(
        TINY, encoder_depth=3, encoder_weights=None, decoder_channels=(64, 32, 16)
    ).eval()
    assert shallow(torch.randn(1, 3, 64, 64)).shape == (1, 1, 64, 64)
    assert "keras_xception" in smp.encoders.encoders
    assert smp.encoders.encoders["xception"]["encoder"].__module__.startswith("segmentation_models")
    with pytest.raises(ConfigError, match="output_stride=8"):
        create_encoder(TINY).make_dilated(8)
