"""Depthwise convolutions in Triton: kernels, operators, and what falls back to PyTorch."""

import copy
import json
import os
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional

from seg.errors import ConfigError
from seg.kernels import autotune, depthwise_impls, depthwise_ops
from seg.kernels.depthwise import DepthwiseConv2d, depthwise
from seg.models.blocks import SeparableConv2d
from seg.profiling.flops import count
from tests.conftest import REPO
from tests.kernels.depthwise_cases import CASES, SLOW_CASES, outcomes, tensors

NUMBERS = (2, 1, 1)
PAIRS = {"stride": (1, 1), "dilation": (1, 1), "padding": (1, 1)}


def interpreted(names):
    """Outcomes of cases in a process of their own, on the CPU."""
    pytest.importorskip("triton")
    environment = os.environ | {
        "TRITON_INTERPRET": "1",
        "SEG_DEPTHWISE": "triton",
        "OMP_NUM_THREADS": "1",
    }
    line = [sys.executable, "-m", "tests.kernels.depthwise_cases", *names]
    done = subprocess.run(
        line, cwd=REPO, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def few():
    return interpreted(CASES)


@pytest.fixture(scope="module")
def many():
    return interpreted(SLOW_CASES)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_interpreted_kernels(few, name):
    assert not few[name], few[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW_CASES)
def test_interpreted_kernels_in_other_shapes(many, name):
    assert not many[name], many[name]


@pytest.mark.gpu
@pytest.mark.parametrize("name", {**CASES, **SLOW_CASES})
def test_kernels_on_a_card(monkeypatch, name):
    monkeypatch.setattr(depthwise_impls, "WAY", "triton")
    failure = outcomes([name], torch.device("cuda"))[name]
    assert not failure, failure


DEVICES = [
    pytest.param(("cpu", "torch"), id="cpu"),
    pytest.param(("cuda", "triton"), id="cuda", marks=pytest.mark.gpu),
]


@pytest.fixture(params=DEVICES)
def device(request, monkeypatch):
    """The operators are the same on each device; on the CPU they call PyTorch."""
    kind, way = request.param
    monkeypatch.setattr(depthwise_impls, "WAY", way)
    return torch.device(kind)


def operands(device, dtype=torch.float32):
    x, weight = tensors((1, 8, 5, 6), dtype, device), tensors((8, 1, 3, 3), dtype, device, 1)
    gradient = tensors((1, 8, 3, 3), dtype, device, 2)
    return [each.requires_grad_() for each in (gradient, x, weight)]


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_operators_obey_the_rules(device):
    gradient, x, weight = operands(device)
    torch.library.opcheck(depthwise_ops.convolve, (x, weight, NUMBERS))
    few = ("test_schema", "test_autograd_registration", "test_faketensor")
    for op in (depthwise_ops.input_gradient, depthwise_ops.weight_gradient):
        torch.library.opcheck(op, (gradient, x, weight, NUMBERS), test_utils=few)


def test_derivatives_of_first_and_second_order(device):
    x = tensors((1, 2, 4, 3), torch.float64, device).requires_grad_()
    weight = tensors((2, 1, 3, 3), torch.float64, device, 1).requires_grad_()

    def convolve(x, weight):
        return depthwise_ops.convolve(x, weight, NUMBERS)

    assert torch.autograd.gradcheck(convolve, (x, weight))
    assert torch.autograd.gradgradcheck(convolve, (x, weight))


def test_compiled_in_one_graph(device):
    _, x, weight = operands(device)

    def loss(x, weight):
        return depthwise_ops.convolve(x.relu(), weight, NUMBERS).square().sum()

    backend = "inductor" if device.type == "cuda" else "aot_eager"
    fast = torch.compile(loss, fullgraph=True, backend=backend)
    found = torch.autograd.grad(fast(x, weight), (x, weight))
    expected = torch.autograd.grad(loss(x, weight), (x, weight))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("way", ["auto", "triton", "torch"])
def test_on_the_cpu_it_is_conv2d_to_the_bit(monkeypatch, way):
    monkeypatch.setattr(depthwise_impls, "WAY", way)
    _, x, weight = operands("cpu", torch.bfloat16)
    expected = functional.conv2d(x, weight, None, 1, 1, 1, 8)
    assert torch.equal(depthwise(x, weight, **PAIRS), expected)


def test_a_way_that_does_not_exist(monkeypatch):
    monkeypatch.setattr(depthwise_impls, "WAY", "cudnn")
    _, x, weight = operands("cpu")
    with pytest.raises(ConfigError, match="auto, triton, torch"):
        depthwise(x, weight, **PAIRS)


def test_the_module_is_a_convolution_like_any_other():
    block = SeparableConv2d(8, 12, norm_eps=1e-3, activation=True)
    conv = block.depthwise.conv
    assert type(conv) is DepthwiseConv2d
    assert next(iter(block.state_dict())) == "depthwise.conv.weight"
    plain = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
    plain.load_state_dict(copy.deepcopy(conv).state_dict())
    image = torch.randn(1, 8, 6, 5)
    assert torch.equal(conv(image), plain(image))
    assert count(block, image.shape).multiply_adds == 6 * 5 * (8 * 9 + 8 * 12)


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:FutureWarning")
def test_a_recorded_graph_knows_pytorchs_operators_alone(monkeypatch):
    block = SeparableConv2d(8, 12, norm_eps=1e-3, activation=True).eval()
    image = tensors((1, 8, 6, 5), torch.float32, "cpu")
    monkeypatch.setattr(depthwise_impls, "WAY", "triton")
    monkeypatch.setattr(depthwise_impls, "INTERPRETED", True)  # as if it were on a card
    exported = torch.export.export(block, (image,)).graph
    assert "conv2d" in str(exported)
    assert "seg.depthwise" not in str(exported)
    assert "seg::" not in str(torch.jit.trace(block, image, check_trace=False).inlined_graph)


def test_without_triton_nothing_is_imported():
    code = "import sys; sys.modules['triton'] = None; import seg.models.blocks"
    subprocess.run([sys.executable, "-c", code], cwd=REPO, check=True)


@pytest.mark.gpu
def test_the_choice_is_made_once_and_under_autocast(monkeypatch):
    monkeypatch.setattr(depthwise_impls, "WAY", "auto")
    autotune.forget()
    conv = DepthwiseConv2d(64, 64, 3, padding=1, groups=64, bias=False).cuda()
    image = tensors((2, 64, 33, 33), torch.float32, "cuda").requires_grad_()
    for _ in range(2):
        with torch.autocast("cuda", torch.bfloat16):
            output = conv(image)
        assert output.dtype == torch.bfloat16
        output.float().square().mean().backward()
    assert [key[0] for key in autotune.choices()] == [
        "output",
        "input gradient",
        "weight gradient",
    ]
    assert conv.weight.grad.dtype == image.grad.dtype == torch.float32


@pytest.mark.gpu
def test_deterministic_algorithms_are_pytorchs_own(monkeypatch):
    monkeypatch.setattr(depthwise_impls, "WAY", "auto")
    autotune.forget()
    _, x, weight = operands("cuda", torch.bfloat16)
    torch.use_deterministic_algorithms(True)
    try:
        found = depthwise(x, weight, **PAIRS)
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(found, functional.conv2d(x, weight, None, 1, 1, 1, 8))
    assert not autotune.choices()
