"""Decoder, segmenter, classifier and their counts."""

import inspect

import pytest
import torch
from torch import nn
from torch.nn import functional

from seg.errors import ConfigError
from seg.models.blocks import resize
from seg.models.classifier import Classifier
from seg.models.decoders import create_decoder, list_decoders
from seg.models.encoders import create_encoder
from seg.models.segmenter import Segmenter, create_model
from seg.profiling.flops import count

TINY = "aligned_xception_tiny"
SMALL = {"aspp_channels": 32, "decoder_channels": 32, "low_level_channels": 16}


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (33, 50), (64, 64)])
@pytest.mark.parametrize("output_stride", [4, 8, 16, 32])
def test_logits_at_the_image_size(size, output_stride):
    model = create_model(TINY, num_classes=7, output_stride=output_stride, decoder_options=SMALL)
    image = torch.randn(2, 3, *size)
    with torch.no_grad():
        logits, coarse = model.eval()(image), model.coarse_logits(image)
    assert logits.shape == (2, 7, *size)
    assert coarse.shape[2:] == tuple(-(-side // 4) for side in size)
    assert (model.num_classes, model.output_stride) == (7, output_stride)
    assert model.normalization.mean == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("size", [(96, 64), (97, 65), (90, 71)])
def test_values_lie_over_the_pixels_they_come_from(size):
    model = create_model(TINY, num_classes=3, decoder_options=SMALL).eval()
    image = torch.randn(1, 3, *size)
    padded = functional.pad(image, (0, (1 - size[1]) % 16, 0, (1 - size[0]) % 16))
    with torch.no_grad():
        logits, coarse = model(image), model.coarse_logits(padded)
    rows, columns = -(-size[0] // 4), -(-size[1] // 4)
    torch.testing.assert_close(logits[..., ::4, ::4], coarse[..., :rows, :columns])


def test_without_the_grid_it_is_the_original_graph():
    model = create_model(TINY, pad_to_grid=False, decoder_options=SMALL).eval()
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(model(image), resize(model.coarse_logits(image), (64, 96)))


def test_rates_follow_the_output_stride():
    def rates(output_stride):
        decoder = create_decoder(
            "deeplabv3plus", create_encoder(TINY, output_stride=output_stride), num_classes=2
        )
        return [branch.depthwise.conv.dilation[0] for branch in decoder.aspp.atrous]

    expected = {4: [24, 48, 72], 8: [12, 24, 36], 16: [6, 12, 18], 32: [3, 6, 9]}
    assert {stride: rates(stride) for stride in expected} == expected


def test_norms_keep_their_epsilons_and_take_one_momentum():
    model = create_model(TINY, norm_momentum=0.01, decoder_options=SMALL)
    norms = {part: [m for m in getattr(model, part).modules() if isinstance(m, nn.BatchNorm2d)]
             for part in ("encoder", "decoder")}  # fmt: skip
    assert {norm.eps for norm in norms["encoder"]} == {1e-3}
    assert {norm.eps for norm in norms["decoder"]} == {1e-5}
    assert {norm.momentum for part in norms.values() for norm in part} == {0.01}
    untouched = create_model(TINY, decoder_options=SMALL).modules()
    assert {m.momentum for m in untouched if isinstance(m, nn.BatchNorm2d)} == {0.1}


def test_it_learns():
    """Random weights fit one picture in a few steps, and evaluation mode agrees afterwards."""
    model = create_model(TINY, num_classes=2, decoder_options=SMALL, norm_momentum=0.3)
    image = torch.randn(2, 3, 48, 48)
    labels = (image.mean(1) > 0).long()
    labels = torch.nn.functional.max_pool2d(labels[:, None].float(), 9, 1, 4)[:, 0].long()
    labels[:, :24] = 0
    labels[:, 24:] = 1
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(25):
        loss = nn.functional.cross_entropy(model(image), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        found = model.eval()(image).argmax(1)
    assert (found == labels).float().mean() > 0.9


def test_ready_modules_and_config_nodes():
    encoder = create_encoder(name=TINY, output_stride=8, in_channels=1)
    decoder = create_decoder(name="deeplabv3plus", encoder=encoder, num_classes=3, **SMALL)
    model = create_model(encoder, decoder)
    assert isinstance(model, Segmenter)
    assert model.num_classes == 3
    assert model.eval()(torch.randn(1, 1, 20, 20)).shape == (1, 3, 20, 20)
    with pytest.raises(ConfigError, match="built already"):
        create_model(encoder, output_stride=16)
    with pytest.raises(ConfigError, match="built already"):
        create_model(encoder, decoder, decoder_options=SMALL)


def test_pooling_cannot_train_on_one_value():
    model = create_model(TINY, decoder_options=SMALL)
    with pytest.raises(ConfigError, match="batch of 2"):
        model(torch.randn(1, 3, 64, 64))
    cropped = create_model(TINY, decoder_options={**SMALL, "image_pool_crop": (33, 33)})
    assert cropped(torch.randn(1, 3, 64, 64)).shape == (1, 19, 64, 64)


def test_without_image_pooling_the_pyramid_has_one_branch_less():
    with_it, without = (
        create_model(TINY, decoder_options={**SMALL, "image_pooling": on}) for on in (True, False)
    )
    branch = 256 * 32 + 2 * 32  # a 1x1 convolution from the encoder's last map, and its norm
    lost = sum(p.numel() for p in with_it.parameters()) - sum(
        p.numel() for p in without.parameters()
    )
    assert lost == branch + 32 * 32  # and its share of the projection
    logits = without(torch.randn(1, 3, 33, 33))  # nothing is pooled to one value
    assert logits.shape == (1, 19, 33, 33)


@pytest.mark.parametrize(
    "wrong",
    [
        {"low_level_stride": 32},
        {"atrous_rates": (0, 1)},
        {"image_pool_stride": (1,)},
        {"num_classes": 0},
    ],
)
def test_wrong_decoder_values(wrong):
    with pytest.raises(ConfigError, match=r"allowed|give|has"):
        create_decoder("deeplabv3plus", create_encoder(TINY), **{"num_classes": 2, **wrong})


def test_wrong_decoder_names():
    encoder = create_encoder(TINY)
    with pytest.raises(ConfigError, match="did you mean 'deeplabv3plus'"):
        create_decoder("deeplabv3+", encoder, num_classes=2)
    with pytest.raises(ConfigError, match="did you mean 'aspp_channels'"):
        create_decoder("deeplabv3plus", encoder, num_classes=2, aspp_chanels=3)
    with pytest.raises(ConfigError, match="norm_momentum"):
        create_model(TINY, norm_momentum=0.0)
    assert list_decoders() == ["deeplabv3plus", "deeplabv3plus_full", "feature_pyramid"]


@pytest.mark.slow
def test_compiles_and_autocasts():
    model = create_model(TINY, num_classes=3, decoder_options=SMALL)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        compiled(torch.randn(2, 3, 32, 40)).square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "parameters_m", "multiply_adds_g"),
    [
        (41, (26.97, 28.11), (40.0, 122.5, 310.4)),
        (65, (39.92, 41.06), (54.0, 176.9, 418.4)),
        (71, (42.34, 43.48), (66.1, 190.0, 513.0)),
    ],
)
def test_published_counts(variant, parameters_m, multiply_adds_g):
    name = f"aligned_xception{variant}"
    classifier = Classifier(create_encoder(name), num_classes=1000)
    assert round(count(classifier, (1, 3, 299, 299)).parameters / 1e6, 2) == parameters_m[0]
    cases = ((16, (513, 513)), (8, (513, 513)), (16, (1025, 2049)))
    for (output_stride, size), giga in zip(cases, multiply_adds_g, strict=True):
        model = create_model(name, num_classes=21, output_stride=output_stride)
        cost = count(model, (1, 3, *size))
        assert round(cost.parameters / 1e6, 2) == parameters_m[1]
        assert cost.multiply_adds / 1e9 == pytest.approx(giga, rel=3e-3)


def test_cost_of_parts_adds_up_and_leaves_the_model_alone():
    model = create_model(TINY, num_classes=5, decoder_options=SMALL)
    model.encoder.stem.eval()
    modes = [module.training for module in model.modules()]
    cost = count(model, (1, 3, 64, 96))
    assert modes == [module.training for module in model.modules()]
    assert not any(module._forward_hooks for module in model.modules())
    assert set(cost.parts) == {"encoder", "decoder"}
    assert set(cost.parts["encoder"].parts) == {"stem", "entry", "middle", "exit"}
    for whole in (cost, cost.parts["encoder"]):
        assert sum(part.parameters for part in whole.parts.values()) == whole.parameters
        assert sum(part.multiply_adds for part in whole.parts.values()) == whole.multiply_adds


def test_small_network_stays_small():
    options = {"aspp_channels": 128, "decoder_channels": 96, "low_level_channels": 24}
    cost = count(create_model(TINY, decoder_options=options), (1, 3, 512, 512))
    assert cost.parameters < 1.5e6
    assert cost.multiply_adds < 1.7e9


def test_every_option_is_documented():
    for factory in (create_encoder, create_decoder, create_model, Segmenter):
        documented = factory.__doc__
        names = set(inspect.signature(factory).parameters) - {"options"}
        assert all(f"{name}:" in documented for name in names)
