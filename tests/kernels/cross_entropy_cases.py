"""What the cross entropy's Triton kernels must compute, against PyTorch in double precision.

`python -m tests.kernels.cross_entropy_cases` runs all cases on the CPU, by Triton's interpreter,
which must be chosen before Triton is imported, and prints their errors.
"""

import json
import os

import torch
from torch.nn import functional

from seg.kernels.resize import Resize

IGNORED = 255
# classes, coarse size, resize
CASES = {
    "aligned": (3, (7, 9), Resize((25, 33), (23, 31), True)),
    "not aligned": (3, (7, 9), Resize((25, 33), (25, 33), False)),
    "one class, more than a block wide": (1, (2, 70), Resize((5, 277), (5, 277), True)),
    "smaller": (5, (9, 8), Resize((4, 5), (4, 5), False)),
    "one row": (2, (1, 5), Resize((3, 5), (3, 4), False)),
}


def errors(name: str, device: torch.device) -> list[float]:
    """Greatest error of losses, log-sums and gradient, over the greatest of each."""
    from seg.kernels import cross_entropy_triton as kernels

    classes, coarse, resize = CASES[name]
    generator = torch.Generator().manual_seed(0)
    values = 3 * torch.randn(2, classes, *coarse, generator=generator)
    label = torch.randint(0, classes, (2, *resize.cropped), generator=generator)
    label[:, 0] = IGNORED
    weight = 0.5 + torch.rand(classes, generator=generator)
    upstream = torch.rand(2, *resize.cropped, generator=generator)
    inputs = values.to(device), label.byte().to(device), resize, IGNORED, weight.to(device)
    losses, log_sums = kernels.losses(*inputs)
    gradient = kernels.gradient(*inputs, log_sums, upstream.to(device))

    exact = values.double().requires_grad_()
    logits = resize(exact)
    expected = functional.cross_entropy(
        logits, label, weight.double(), ignore_index=IGNORED, reduction="none"
    )
    (expected_gradient,) = torch.autograd.grad(expected, exact, upstream.double())
    pairs = (
        (losses, expected),
        (log_sums, logits.logsumexp(1)),
        (gradient, expected_gradient),
    )
    return [
        float((found.cpu() - wanted).abs().max() / wanted.abs().max().clamp(min=1e-3))
        for found, wanted in pairs
    ]


def loss_of_no_class(device: torch.device) -> float:
    """What a label beyond the classes costs."""
    from seg.kernels import cross_entropy_triton as kernels

    label = torch.full((1, 3, 3), 7, dtype=torch.uint8, device=device)
    values = torch.zeros(1, 2, 3, 3, device=device)
    return float(kernels.losses(values, label, Resize((3, 3), (3, 3), True), IGNORED)[0].sum())


if __name__ == "__main__":
    assert os.environ.get("TRITON_INTERPRET") == "1"
    cpu = torch.device("cpu")
    found = {name: errors(name, cpu) for name in CASES}
    print(json.dumps([found, loss_of_no_class(cpu)]))
