"""First convolutions of trained encoders on images of other bands."""

import itertools

import pytest
import torch

import seg
from seg.build.models import build_encoder
from seg.data.readers.value_range import ImageDecoding
from seg.errors import ConfigError
from seg.models.input_bands import COLORS, input_bands
from seg.models.interfaces import IMAGENET, Normalization
from seg.models.weights import load_weights
from seg.models.weights.state_dict_matching import adapt_input_channels
from seg.models.weights.torch_file import CHECKPOINT_FORMAT
from seg.weight_tools.encoder_checkpoint import write_encoder

TINY = "aligned_xception_micro"
KERNEL = torch.randn(16, 3, 3, 3, generator=torch.Generator().manual_seed(0))
OPPONENT = KERNEL - KERNEL.mean(1, keepdim=True)  # colors against each other: their mean is zero


def responses(kernel_OIHW, seed=0):
    image = torch.randn(
        4, kernel_OIHW.shape[1], 96, 96, generator=torch.Generator().manual_seed(seed)
    )
    return torch.nn.functional.conv2d(image, kernel_OIHW).transpose(0, 1).flatten(1)


@pytest.mark.parametrize("channels", [4, 5, 8, 13])
@pytest.mark.parametrize("kernel", [KERNEL, OPPONENT, KERNEL.abs()], ids=["any", "color", "gray"])
def test_the_variance_of_every_response_stays(channels, kernel):
    adapted = adapt_input_channels(kernel, input_bands(channels))
    before, after = responses(kernel).var(1), responses(adapted).var(1)
    torch.testing.assert_close(after, before, rtol=0.08, atol=0)
    further = adapted[:, 3:]
    assert torch.equal(further, further[:, :1].expand_as(further))
    ratio = (adapted[:, :3] / kernel).flatten(1)
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))  # one factor an output
    torch.testing.assert_close(further[:, 0], adapted[:, :3].mean(1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("bands", [(None, None), ("red", "green"), (None, "blue", None)])
def test_without_all_colors_the_variance_stays_over_all_outputs(bands):
    adapted = adapt_input_channels(KERNEL, bands)
    assert responses(adapted).var().item() == pytest.approx(responses(KERNEL).var().item(), rel=0.1)
    assert adapted.isfinite().all()
    assert adapt_input_channels(OPPONENT, bands).isfinite().all()


def test_three_colors_in_any_order_keep_their_bits_and_one_gray_band_is_their_sum():
    for order in itertools.permutations(range(3)):
        bands = tuple(COLORS[place] for place in order)
        assert torch.equal(adapt_input_channels(KERNEL, bands), KERNEL[:, list(order)])
    torch.testing.assert_close(adapt_input_channels(KERNEL, (None,)), KERNEL.sum(1, keepdim=True))


def test_which_band_is_which_color():
    assert input_bands(3) == input_bands(3, (4, 3, 2)) == ("red", "green", "blue")
    assert input_bands(2) == (None, None)
    assert input_bands(5) == ("red", "green", "blue", None, None)
    assert input_bands(4, ("NIR", "Blue", "green", "red")) == (None, "blue", "green", "red")
    assert input_bands(3, ("nir", "red", "green")) == ("red", "green", "blue")  # false color
    assert input_bands(4, (1, 2, 3, 8), ("blue", "green", "red", None))[2] == "red"
    with pytest.raises(ConfigError, match=r"4 channels\n.*red, green, blue or null"):
        input_bands(4, chosen=("red", "green", "blue"))
    with pytest.raises(ConfigError, match="input_bands"):
        seg.create_encoder(TINY, in_channels=4, input_bands=("red", "green", "blue", "nir"))


def test_normalization_goes_with_the_kernels():
    bands = (None, "blue", "green", "red")
    normalization = IMAGENET.for_bands(bands)
    assert normalization.mean == pytest.approx((0.449, 0.406, 0.456, 0.485), abs=1e-3)
    assert normalization.std == pytest.approx((0.226, 0.225, 0.224, 0.229), abs=1e-3)
    assert normalization.reordered(bands, COLORS).mean == pytest.approx(IMAGENET.mean)
    assert IMAGENET.for_channels(3) is IMAGENET
    assert Normalization((0.1,) * 4, (1.0,) * 4).reordered(None, bands).mean == (0.1,) * 4


def test_named_bands_decide_and_plain_ones_stay_bit_equal(tmp_path):
    rgb = seg.create_encoder(TINY)
    torch.save(rgb.state_dict(), tmp_path / "rgb.pth")
    node = {"_target_": "seg.models.encoders.create_encoder", "name": TINY, "output_stride": 8}
    node["weights"] = str(tmp_path / "rgb.pth")
    kernel = rgb.stem[0].conv.weight

    def first(**declared):
        return build_encoder(node, ImageDecoding(**declared)).stem[0].conv.weight

    assert torch.equal(first(), kernel)
    assert torch.equal(first(bands=(4, 3, 2)), kernel)
    assert torch.equal(first(bands=("blue", "green", "red")), kernel.flip(1))
    named = first(bands=("nir", "red", "green", "blue"))
    torch.testing.assert_close(
        named, adapt_input_channels(kernel, (None, *COLORS)).detach(), check_stride=False
    )


def test_an_encoder_of_named_bands_is_not_reordered_again(tmp_path):
    bands = ("blue", "green", "red")
    trained = seg.create_encoder(TINY, input_bands=bands)
    write_encoder(trained, tmp_path, {"encoder": TINY, "classes": [], "origin": "a test"})
    kernel = trained.stem[0].conv.weight
    again = seg.create_encoder(TINY, input_bands=bands, weights=tmp_path)
    assert torch.equal(again.stem[0].conv.weight, kernel)
    plain = seg.create_encoder(TINY, weights=tmp_path)
    assert torch.equal(plain.stem[0].conv.weight, kernel.flip(1))


def test_a_checkpoint_of_named_bands_says_so(tmp_path):
    model = seg.create_model(TINY, num_classes=2)
    own = {"format": CHECKPOINT_FORMAT, "labels": {"names": ["a", "b"]}}
    own["config"] = {"dataset": {"bands": ["Blue", "green", "red"]}, "encoder": {}}
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    torch.save({"seg": own, "state_dict": state}, tmp_path / "a.ckpt")
    target = seg.create_model(TINY, num_classes=2)
    load_weights(target, tmp_path / "a.ckpt")
    ours, theirs = (each.encoder.stem[0].conv.weight for each in (target, model))
    assert torch.equal(ours, theirs.flip(1))
