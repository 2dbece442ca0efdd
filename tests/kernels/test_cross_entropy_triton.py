"""The cross entropy's kernels in Triton: by the interpreter, and on a card."""

import json
import math
import os
import subprocess
import sys

import pytest
import torch

from seg.kernels import autotune
from seg.kernels.resize import Resize
from seg.losses.cross_entropy import CrossEntropy
from seg.models.coarse_logits import CoarseLogits
from tests.conftest import REPO
from tests.kernels.cross_entropy_cases import CASES, errors, loss_of_no_class


@pytest.fixture(scope="module")
def interpreted():
    pytest.importorskip("triton")
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "tests.kernels.cross_entropy_cases"]
    done = subprocess.run(
        line, cwd=REPO, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradients_are_those_of_torch(interpreted, name):
    assert max(interpreted[0][name]) < 2e-6


@pytest.mark.slow
def test_a_label_that_is_no_class_is_not_overlooked(interpreted):
    assert math.isnan(interpreted[1])


@pytest.mark.slow
def test_machine_code_can_be_made_of_them():
    """For a Hopper card; none is needed for that."""
    pytest.importorskip("triton")
    from triton import compile as compiled
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from seg.kernels.cross_entropy_triton import coarse_gradient, pixel_losses

    kinds = {"label": "*u8", "PIXELS": "constexpr", "VALUES": "constexpr"}
    kinds |= dict.fromkeys(("row_low", "column_low", "row_first", "column_first"), "*i32")
    floats = ("coarse", "weight", "row_share", "column_share", "loss", "log_sum", "gradient")
    kinds |= dict.fromkeys((*floats, "output"), "*fp32")
    for kernel, constants in ((pixel_losses, {"PIXELS": 256}), (coarse_gradient, {"VALUES": 64})):
        signature = {name: kinds.get(name, "i32") for name in kernel.arg_names}
        source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
        assert compiled(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]


@pytest.mark.slow
@pytest.mark.gpu
@pytest.mark.parametrize("name", CASES)
def test_on_a_card(name):
    assert max(errors(name, torch.device("cuda"))) < 5e-6
    assert math.isnan(loss_of_no_class(torch.device("cuda")))


@pytest.mark.slow
@pytest.mark.gpu
def test_a_card_may_choose_them():
    autotune.forget()
    resize = Resize((257, 257), (257, 257), True)
    values = torch.randn(2, 19, 65, 65, device="cuda", requires_grad=True)
    label = torch.randint(0, 19, (2, 257, 257), device="cuda", dtype=torch.uint8)
    loss = CrossEntropy(num_classes=19, ignore_index=255).cuda()
    found = loss(CoarseLogits(values, resize), label)
    (gradient,) = torch.autograd.grad(found, values)
    expected = loss(resize(values), label)
    (expected_gradient,) = torch.autograd.grad(expected, values)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-9)
    chosen = {key[0] for key in autotune.choices()}
    assert {"cross entropy, losses", "cross entropy, gradient"} <= chosen
