"""Groups are complete for every network; factors against timm's, and against DeepLab's own way."""

import re
from collections import Counter
from functools import partial

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay
from torch import nn

from seg.errors import ConfigError
from seg.models.decoders.smp import create_smp_decoder
from seg.models.encoders import create_encoder, encoder_names
from seg.models.encoders.smp_encoder import create_smp_encoder
from seg.models.encoders.timm_encoder import create_timm_encoder
from seg.models.layer_groups import encoder_layer_groups
from seg.models.segmenter import create_model
from seg.optim.groups import ParameterGroups, create_optimizer, scale_rates
from tests.assembled import parts_of

TINY = "aligned_xception_tiny"
EVERYTHING = {
    "last_layer_multiplier": 10.0,
    "bias_multiplier": 2.0,
    "encoder_multiplier": 0.5,
    "layer_decay": 0.9,
}


def without_values(name):
    with torch.device("meta"):
        encoder = create_encoder(name)
        low_level_stride = 4 if 4 in encoder.strides else None
        options = {"low_level_stride": low_level_stride}
        return create_model(encoder, num_classes=3, decoder_options=options)


def with_library_encoder(create, name):
    return create_model(create(name), num_classes=3, decoder_options={"low_level_stride": None})


MODELS = [
    *(pytest.param(lambda name=name: without_values(name), id=name) for name in encoder_names()),
    *(
        pytest.param(lambda c=create, n=name: with_library_encoder(c, n), id=name)
        for create, name in (
            (create_smp_encoder, "resnet18"),
            (create_smp_encoder, "mit_b0"),
            (create_smp_encoder, "vgg11_bn"),
            (create_timm_encoder, "convnext_atto"),
            (create_timm_encoder, "vit_tiny_patch16_224"),
        )
    ),
]


def grouped(groups):
    """Name-free: id of a parameter -> (multiplier, whether it takes the optimizer's decay)."""
    return {
        id(parameter): (group["lr_multiplier"], "weight_decay" not in group)
        for group in groups
        for parameter in group["params"]
    }


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["uniform", "everything"])
def test_groups_are_disjoint_and_complete(make, options):
    model = make()
    groups = ParameterGroups(**options)(model)
    counts = Counter(id(parameter) for group in groups for parameter in group["params"])
    assert counts == Counter(id(parameter) for parameter in model.parameters())
    assert len({(g["lr_multiplier"], "weight_decay" in g) for g in groups}) == len(groups)


@pytest.mark.parametrize("make", MODELS)
def test_parts_hold_the_encoder_in_order(make):
    encoder = make().encoder
    inside = [id(p) for part in encoder_layer_groups(encoder) for m in part for p in m.parameters()]
    assert len(set(inside)) == len(inside)
    order = [id(parameter) for parameter in encoder.parameters()]
    assert inside == [each for each in order if each in set(inside)]
    left_out = [n for n, p in encoder.named_parameters() if id(p) not in set(inside)]
    assert all(re.search("embed|token", name) for name in left_out)


def test_kernels_decay_and_norms_biases_and_depthwise_kernels_do_not():
    model = create_model(TINY, num_classes=3)
    found = grouped(ParameterGroups()(model))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            depthwise = module.groups > 1
            assert found[id(module.weight)] == (1.0, not depthwise)
        for name in ("weight", "bias"):
            parameter = getattr(module, name, None)
            if parameter is not None and (isinstance(module, nn.BatchNorm2d) or name == "bias"):
                assert found[id(parameter)] == (1.0, False)


def test_layer_decay_is_that_of_timm():
    theirs = timm.create_model("xception41")
    expected = Counter(
        (round(group["lr_scale"], 9), tuple(parameter.shape))
        for group in param_groups_layer_decay(theirs, layer_decay=0.8)
        for parameter in group["params"]
        if group["lr_scale"] < 1
    )
    model = without_values("aligned_xception41")
    ours = Counter(
        (round(group["lr_multiplier"], 9), tuple(parameter.shape))
        for group in ParameterGroups(layer_decay=0.8)(model)
        for parameter in group["params"]
        if group["lr_multiplier"] < 1
    )
    assert ours == expected
    assert len({scale for scale, _ in ours}) == 14  # stem, 3 + 8 + 2 blocks


def test_the_last_layer_moves_as_where_deeplab_multiplies_its_gradients():
    torch.manual_seed(0)
    model = create_model(TINY, num_classes=3).double()
    lr, momentum, decay, steps = 0.01, 0.9, 0.1, 3
    groups = ParameterGroups(last_layer_multiplier=10.0, bias_multiplier=2.0)(model)
    optimizer = torch.optim.SGD(groups, lr=lr, momentum=momentum, weight_decay=decay)
    scale_rates(optimizer)
    watched = {
        model.decoder.logits.weight: (10.0, decay),
        model.decoder.logits.bias: (20.0, 0.0),
        model.encoder.stem[0].conv.weight: (1.0, decay),
        model.encoder.entry[0].convs[0].depthwise.conv.weight: (1.0, 0.0),
    }
    expected = {parameter: parameter.detach().clone() for parameter in watched}
    speed = {parameter: torch.zeros_like(parameter) for parameter in watched}
    for _ in range(steps):
        optimizer.zero_grad()
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        for parameter, (multiplier, own_decay) in watched.items():
            # regularisation is part of the loss there, gradients are multiplied before momentum
            gradient = multiplier * (parameter.grad + own_decay * expected[parameter])
            speed[parameter] = momentum * speed[parameter] + gradient
            expected[parameter] -= lr * speed[parameter]
        optimizer.step()
    for parameter, value in expected.items():
        torch.testing.assert_close(parameter.detach(), value, rtol=1e-12, atol=1e-12)


def test_the_last_layer_is_the_one_that_the_decoder_names():
    encoder = create_encoder(TINY, output_stride=32)
    model = create_model(encoder, create_smp_decoder(encoder, num_classes=3, name="Unet"))
    assert model.last_layer is model.decoder.segmentation_head
    factor = grouped(ParameterGroups(last_layer_multiplier=7.0)(model))
    assert factor[id(model.last_layer[0].weight)] == (7.0, True)
    assert sum(multiplier == 7.0 for multiplier, _ in factor.values()) == 2


@pytest.mark.parametrize(("frozen", "modules"), [(0, 0), (1, 1), (3, 3), ("encoder", 10)])
def test_frozen_parts_lose_their_gradients(frozen, modules):
    model = create_model(TINY, num_classes=3)
    groups = ParameterGroups(frozen_parts=frozen)
    parts = groups.freeze(model)
    assert len(parts) == modules
    still = {id(parameter) for part in parts for parameter in part.parameters()}
    trained = grouped(groups(model))
    assert set(trained) == {id(parameter) for parameter in model.parameters()} - still
    assert all(
        parameter.requires_grad == (id(parameter) in trained) for parameter in model.parameters()
    )


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [2, "encoder"])
def test_frozen_parts_keep_weights_and_statistics_in_a_run(tmp_path, frozen):
    parts = parts_of(tmp_path, f"param_groups.frozen_parts={frozen}")
    encoder = parts.task.model.encoder
    count = len(encoder.parts) if frozen == "encoder" else frozen
    before = {name: value.clone() for name, value in parts.task.model.state_dict().items()}
    parts.trainer.fit(parts.task, datamodule=parts.data)
    held = {
        f"encoder.{name}"
        for part in encoder.parts[:count]
        for prefix, module in encoder.named_modules()
        if module is part
        for name in (f"{prefix}.{inner}" for inner in part.state_dict())
    }
    assert held
    for name, value in parts.task.model.state_dict().items():
        same = torch.equal(value, before[name])
        assert same == (name in held), name


def test_wrong_values():
    model = create_model(TINY, num_classes=3)
    for frozen in (-1, 11, "decoder"):
        with pytest.raises(ConfigError, match="allowed: 0 to 10"):
            ParameterGroups(frozen_parts=frozen).freeze(model)
    for wrong in ({"last_layer_multiplier": 0.0}, {"layer_decay": 1.1}, {"encoder_multiplier": -1}):
        with pytest.raises(ConfigError, match=f"param_groups.{next(iter(wrong))}"):
            ParameterGroups(**wrong)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "lamb", "lion", "nadamw"])
def test_each_optimizer_takes_the_groups_and_keeps_their_rates(tmp_path, optimizer):
    parts = parts_of(tmp_path, f"optimizer={optimizer}", "param_groups=fine_tuning")
    built = parts.task.create_optimizer()
    base = built.defaults["lr"]
    rates = {group["lr"] / base: group["weight_decay"] for group in built.param_groups}
    assert rates == pytest.approx({1.0: 0.0, 10.0: built.defaults["weight_decay"], 20.0: 0.0})


@pytest.mark.parametrize(
    ("told", "fused"),
    [({}, True), ({"fused": False}, False), ({"foreach": True}, None)],
)
def test_one_kernel_for_all_tensors_unless_told(told, fused):
    layer = nn.Linear(3, 2)
    before, grad = layer.weight.detach().clone(), torch.randn(2, 3)
    layer.weight.grad = grad.clone()
    groups = [{"params": [layer.weight], "lr_multiplier": 2.0}]
    optimizer = create_optimizer(partial(torch.optim.AdamW, lr=0.1, **told), groups)
    assert optimizer.param_groups[0]["fused"] is fused
    optimizer.step()
    reference = nn.Parameter(before.clone())
    reference.grad = grad.clone()
    torch.optim.AdamW([reference], lr=0.2, fused=False, foreach=False).step()
    torch.testing.assert_close(layer.weight, reference)


def test_optimizers_that_have_no_such_kernel():
    groups = [{"params": [nn.Parameter(torch.ones(2))], "lr_multiplier": 1.0}]
    assert "fused" not in create_optimizer(partial(torch.optim.NAdam, lr=1.0), groups).defaults
