"""Muon: momentum whose update is orthogonalised, for the matrices of a network.

Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024); the size of
the update, which lets it take AdamW's learning rates, from Liu et al., "Muon is Scalable for LLM
Training" (2025), section 2.2. `torch.optim.Muon` does the same for matrices alone, in bfloat16,
which most CPUs only emulate.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW

# the quintic of Jordan et al. that lifts small singular values fastest
_QUINTIC = (3.4445, -4.7750, 2.0315)
_ADAMW_RMS = 0.2  # of AdamW's updates, as Liu et al. saw them


class Muon(AdamW):
    """Muon for matrices, AdamW for everything else.

    A convolution's kernel is the matrix of its output channels by all the rest; depthwise ones,
    whose channels have nothing to do with each other, are AdamW's like norms and biases.

    Args:
        params: parameters, or groups of them.
        lr: for both.
        momentum: Nesterov's, of the matrices.
        betas, eps: AdamW's.
        weight_decay: decoupled, for both.
        iterations: of the Newton-Schulz iteration.
        fused: AdamW's own choice of kernel.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        *,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        iterations: int = 5,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=fused
        )
        self.momentum = momentum
        self.iterations = iterations
        # a gradient scaler must divide the gradients itself: Muon reads them
        self._step_supports_amp_scaling = False

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one optimizer step and return the closure's value."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        gradients: dict[Tensor, Tensor] = {}
        for group in self.param_groups:
            matrices = [
                matrix
                for matrix in group["params"]
                if matrix.grad is not None and matrix.ndim > 1 and matrix.shape[1] > 1
            ]
            self._update_matrices(matrices, group)
            gradients |= {matrix: matrix.grad for matrix in matrices}
        for matrix in gradients:
            matrix.grad = None  # AdamW skips parameters without a gradient
        super().step()
        for matrix, gradient in gradients.items():
            matrix.grad = gradient
        return loss

    def _update_matrices(self, matrices: list[Tensor], group: dict[str, Any]) -> None:
        by_shape: dict[tuple[int, ...], list[Tensor]] = {}
        for matrix in matrices:
            by_shape.setdefault((matrix.shape[0], matrix[0].numel()), []).append(matrix)
        # matrices of one shape are orthogonalised in one batch: few large products
        for (rows, columns), members in by_shape.items():
            momenta = torch.stack(
                [self._momentum(matrix).reshape(rows, columns) for matrix in members]
            )
            updates = orthogonalized(momenta, self.iterations)
            size = _ADAMW_RMS * max(rows, columns) ** 0.5
            for matrix, update in zip(members, updates, strict=True):
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update.reshape(matrix.shape), alpha=-group["lr"] * size)

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            # AdamW expects a step count in every state that it loads
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["momentum"] = torch.zeros_like(parameter)
        state["step"] += 1
        gradient = parameter.grad
        assert gradient is not None
        state["momentum"].lerp_(gradient, 1 - self.momentum)
        return gradient.lerp(state["momentum"], self.momentum)


def orthogonalized(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Return matrices of the same singular vectors whose singular values all lie near 1.

    Newton-Schulz's iteration with Jordan's coefficients, in bfloat16 on CUDA: values of 0.7 to 1.2
    come out, which does as well as 1.

    Args:
        matrices: N x rows x columns.
        iterations: 5 lift what is above a hundredth of the norm.
    """
    kind = torch.promote_types(matrices.dtype, torch.float32)
    x = matrices.to(torch.bfloat16 if matrices.is_cuda else kind)
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / x.flatten(1).norm(dim=1)[:, None, None].clamp_min(1e-7)
    a, b, c = _QUINTIC
    for _ in range(iterations):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    result: Tensor = x.mT if tall else x
    return result.to(matrices.dtype)
