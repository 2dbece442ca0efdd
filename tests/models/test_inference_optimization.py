"""Networks for inference alone say what they said before."""

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from seg.models.blocks import ConvNormAct
from seg.models.encoders.timm_encoder import create_timm_encoder
from seg.models.inference_optimization import fold_batch_norms, replace_modules
from seg.models.segmenter import create_model
from tests.models.conftest import settled


def _norms(network: nn.Module) -> int:
    return sum(isinstance(module, _BatchNorm) for module in network.modules())


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [("aligned_xception_micro", "feature_pyramid"), ("aligned_xception_tiny", "deeplabv3plus")],
)
def test_folded_norms_are_gone_and_logits_are_equal(encoder, decoder, relative_error):
    model = settled(create_model(encoder, decoder, num_classes=5))
    image_BCHW = torch.randn(2, 3, 65, 97)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimized = model.optimize()
    with torch.no_grad():
        assert relative_error(optimized(image_BCHW), model(image_BCHW)) < 1e-5
    assert _norms(model) > 20
    assert _norms(optimized) == 0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    kernel = next(each for each in optimized.parameters() if each.dim() == 4 and each.shape[1] > 1)
    assert kernel.is_contiguous(memory_format=torch.channels_last)


def test_of_another_library_with_activations_inside_the_norms(relative_error):
    encoder = create_timm_encoder("xception41")
    model = settled(create_model(encoder, "deeplabv3plus", num_classes=5))
    image_BCHW = torch.randn(1, 3, 65, 97)
    optimized = model.optimize()
    with torch.no_grad():
        assert relative_error(optimized(image_BCHW), model(image_BCHW)) < 1e-5
    assert _norms(optimized) < _norms(model) / 2


class _Tapped(nn.Module):
    """A norm whose input is wanted elsewhere, one that runs twice, and one before its conv."""

    def __init__(self) -> None:
        super().__init__()
        self.tapped = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4))
        self.shared = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))
        self.before = nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))
        self.plain = ConvNormAct(2, 2, 3, norm_eps=1e-3)

    def forward(self, x_BCHW):
        raw = self.tapped[0](x_BCHW)
        x = self.tapped[1](raw) + raw
        return self.plain(self.before(self.shared(self.shared(x))))


def test_only_what_is_exact_is_folded():
    network = settled(_Tapped())
    image_BCHW = torch.randn(2, 3, 9, 9)
    with torch.no_grad():
        expected = network(image_BCHW)
        folded = fold_batch_norms(network, lambda: network(image_BCHW))
        torch.testing.assert_close(network(image_BCHW), expected, rtol=1e-5, atol=1e-5)
    assert folded == ["plain.norm"]


def test_half_the_bits_change_little():
    model = settled(create_model("aligned_xception_micro", "feature_pyramid", num_classes=5))
    optimized = model.optimize(dtype=torch.bfloat16)
    assert next(optimized.parameters()).dtype == torch.bfloat16
    image_BCHW = torch.randn(1, 3, 64, 90)
    with torch.no_grad():
        logits, expected = optimized(image_BCHW), model(image_BCHW)
    assert logits.dtype == torch.float32
    assert 1e-6 < float((logits - expected).norm() / expected.norm()) < 0.05


def test_modules_of_a_type_are_replaced():
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU()))

    def larger(conv):
        return nn.Identity() if conv.kernel_size == (3, 3) else None

    assert replace_modules(network, {nn.Conv2d: larger}) == ["1.0"]
    assert isinstance(network[1][0], nn.Identity)
    assert isinstance(network[0], nn.Conv2d)


def test_replacements_see_folded_convolutions():
    model = settled(create_model("aligned_xception_micro", "feature_pyramid", num_classes=5))
    seen = []
    model.optimize(replacements={nn.Conv2d: lambda conv: seen.append(conv.bias is not None)})
    assert len(seen) > 20
    assert all(seen)


@pytest.mark.slow
def test_compiled(relative_error):
    model = settled(create_model("aligned_xception_micro", "feature_pyramid", num_classes=5))
    image_BCHW = torch.randn(1, 3, 65, 65)
    with torch.no_grad():
        compiled = model.optimize(compiled=True)(image_BCHW)
        assert relative_error(compiled, model(image_BCHW)) < 1e-4
