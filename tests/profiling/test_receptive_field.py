"""Receptive fields and kept activations, against what autograd itself says."""

import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from seg.models.encoders import create_encoder
from seg.models.segmenter import create_model
from seg.profiling.flops import count, saved_bytes
from seg.profiling.receptive_field import receptive_fields


def all_seeing(network):
    """Positive weights and open activations: every pixel that can matter does."""
    for module in network.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d | nn.ReLU):
                setattr(module, name, nn.Identity())
    for parameter in network.parameters():
        nn.init.constant_(parameter, 1 / parameter[0].numel())
    return network.double().eval()


def seen_px(function, size):
    image = torch.ones(1, 3, size, size, dtype=torch.float64, requires_grad=True)
    out = function(image)
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero()
    return int(rows.max() - rows.min()) + 1


@pytest.mark.parametrize(
    ("name", "depth", "output_stride"),
    [
        ("aligned_xception_micro", 2, 16),
        ("aligned_xception_micro", 3, 4),
        ("aligned_xception_tiny", 3, 8),
    ],
)
def test_fields_are_what_gradients_reach(name, depth, output_stride):
    encoder = create_encoder(name, depth=depth, output_stride=output_stride)
    size = 257
    field = receptive_fields(encoder, (1, 3, size, size))[""]
    assert field.size_px < size
    assert field.jump_px == encoder.strides[-1]
    assert seen_px(lambda image: all_seeing(encoder)(image)[-1], size) == field.size_px


def test_resizes_means_and_transposed_convolutions():
    network = nn.Sequential(
        nn.Conv2d(3, 3, 3, stride=4, padding=1),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.ConvTranspose2d(3, 3, 4, stride=2, padding=1),
        nn.Conv2d(3, 3, 3, padding=2, dilation=2),
    )
    fields = receptive_fields(network, (1, 3, 64, 64))
    assert [fields[str(i)].jump_px for i in range(4)] == [4, 2, 1, 1]
    measured = [seen_px(all_seeing(network)[: i + 1], 64) for i in range(4)]
    counted = [fields[str(i)].size_px for i in range(4)]
    assert all(abs(ours - theirs) <= 4 for ours, theirs in zip(counted, measured, strict=True))
    assert counted[0] == measured[0] == 3
    pooled = nn.Sequential(nn.Conv2d(3, 3, 3), nn.AdaptiveAvgPool2d(1))
    assert math.isinf(receptive_fields(pooled, (1, 3, 64, 64))[""].size_px)


def test_pools_see_what_convolutions_of_their_window_see():
    pools = (nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(3, 1, 1, dilation=2), nn.AvgPool2d(2))
    convs = (
        nn.Conv2d(3, 3, 3, 2, 1),
        nn.Conv2d(3, 3, 3, 1, 1, dilation=2),
        nn.Conv2d(3, 3, 2, 2),
    )
    fields = [receptive_fields(nn.Sequential(*each), (1, 3, 64, 64))[""] for each in (pools, convs)]
    assert fields[0] == fields[1]


def test_kept_activations_are_what_autograd_keeps():
    model = create_model("aligned_xception_tiny", num_classes=5, decoder_options={"dropout": 0.1})
    counted = saved_bytes(model, (1, 3, 65, 97))
    own = {tensor.untyped_storage().data_ptr() for tensor in model.parameters()}
    own |= {tensor.untyped_storage().data_ptr() for tensor in model.buffers()}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = (tensor, storage.nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.train()(torch.randn(2, 3, 65, 97))
    assert sum(counted.values()) == pytest.approx(
        sum(size for _, size in kept.values()) / 2, rel=0.02
    )
    assert all(name.startswith(("encoder.", "decoder.")) for name in counted if name)


@pytest.mark.parametrize("name", ["aligned_xception65", "xception", "aligned_xception_micro"])
def test_counts_agree_with_torchs_own(name):
    with torch.device("meta"):
        model = create_model(name).eval()
        image = torch.empty(1, 3, 513, 513)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    ours = count(model, (1, 3, 513, 513)).multiply_adds
    assert 2 * ours == pytest.approx(counter.get_total_flops(), rel=5e-3)
