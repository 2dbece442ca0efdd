"""Batch norms in training: whose statistics they use, and how long these remember."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from seg.errors import ConfigError
from seg.models.sync_batch_norm import with_sync_batch_norms

# the statistics remember this share of the run, and never fewer samples than these
_MEMORY_SHARE = 0.01
_MEMORY_SAMPLES = 100


class BatchNormPolicy:
    """Options of all batch norms of a network.

    `train` normalizes by the batch, `sync` by the batches of all processes. `frozen` normalizes by
    the statistics that came with the weights, as in evaluation; scale and shift still train, as
    with DeepLab's `fine_tune_batch_norm=False`: they are then a plain affine layer, right at any
    batch size, and fixed ones would only take freedom away (`param_groups.frozen_parts` does).

    `momentum=auto` makes the statistics remember 1 % of the run, and at least 100 samples. The
    published decay of 0.9997 (momentum 3e-4) remembers 3,333 steps: 4 % of Cityscapes' 90,000, but
    more than many a run lasts, whose statistics then still hold the values they started from. A
    memory of 1 % has lost the start after a twentieth of the run (e^-5) and spans weights that
    hardly differ; below 100 samples the statistics themselves become noisy.

    Args:
        batch_size: samples of a training batch, on each process.
        mode: `train`, `frozen` or `sync`.
        momentum: weight of a new batch in the running statistics, above 0 up to 1; `auto`; None for
            what the network has (PyTorch's 0.1).
        recalibrate: training batches from which the statistics are computed anew, exactly, when
            training has ended (see `recalibrate`); 0 leaves the running ones.

    Raises:
        ConfigError: a value outside those, or one that frozen statistics have no use for.
    """

    def __init__(
        self,
        *,
        batch_size: int,
        mode: Literal["train", "frozen", "sync"] = "train",
        momentum: float | Literal["auto"] | None = None,
        recalibrate: int = 0,
    ) -> None:
        if isinstance(momentum, float | int) and not 0 < momentum <= 1:
            raise ConfigError(f"batch_norm.momentum={momentum}; allowed: above 0 up to 1, auto")
        if recalibrate < 0:
            raise ConfigError(f"batch_norm.recalibrate={recalibrate}; allowed: 0 batches or more")
        if mode == "frozen" and (momentum is not None or recalibrate):
            raise ConfigError(
                "batch_norm.mode=frozen: the statistics stay as they are; leave momentum and "
                "recalibrate out"
            )
        self.mode = mode
        self.momentum = momentum
        self.recalibrate = recalibrate
        self._batch_size = batch_size

    def synchronize(self, model: nn.Module, *, device: torch.device, world_size: int) -> None:
        """Make the norms share their batches, in place, if `sync` and several processes."""
        if self.mode == "sync" and world_size > 1:
            with_sync_batch_norms(model, device)

    def frozen(self, model: nn.Module) -> list[nn.Module]:
        """Return the norms that stay in evaluation mode."""
        return list(batch_norms(model)) if self.mode == "frozen" else []

    def set_momentum(self, model: nn.Module, *, passes: int, world_size: int) -> None:
        """Set the momentum of the configuration.

        Args:
            model: its batch norms are changed in place.
            passes: training batches that each process sees in the whole run.
            world_size: processes.
        """
        if self.momentum == "auto":
            samples = self._batch_size * (world_size if self.mode == "sync" else 1)
            set_momentum(model, momentum_for(passes, samples))
        elif self.momentum is not None:
            set_momentum(model, self.momentum)


def momentum_for(passes: int, batch_size: int) -> float:
    """Return the momentum whose statistics remember 1 % of the run, and at least 100 samples.

    Running statistics of momentum m are a mean over about 1 / m batches.
    """
    memory = max(_MEMORY_SHARE * passes, _MEMORY_SAMPLES / batch_size, 1.0)
    return 1 / memory


def batch_norms(model: nn.Module) -> Iterable[_BatchNorm]:
    """Iterate over the batch norms of a network."""
    return (module for module in model.modules() if isinstance(module, _BatchNorm))


def set_momentum(model: nn.Module, momentum: float) -> None:
    """Give every batch norm this weight of a new batch in its running statistics."""
    for norm in batch_norms(model):
        norm.momentum = momentum


@torch.no_grad()
def recalibrate(model: nn.Module, images: Iterable[Tensor]) -> None:
    """Replace running statistics by those of all given images, for the present weights.

    "Precise" batch norm (Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3): each
    batch passes with the norms in training mode, and mean and variance of all inputs of a norm
    become its statistics. All else, dropout included, works as in evaluation, for which the
    statistics are. Norms in evaluation mode keep their statistics.

    Args:
        model: changed in place; its modes are restored.
        images: batches of network inputs; each of several processes passes its own.
    """
    modes = [(module, module.training) for module in model.modules()]
    norms = [norm for norm in batch_norms(model) if norm.training and norm.track_running_stats]
    moments = [_Moments(norm) for norm in norms]
    model.eval()
    try:
        for norm in norms:
            norm.train()
        for image in images:
            model(image)
    finally:
        for moment in moments:
            moment.hook.remove()
        for module, mode in modes:
            module.training = mode
    for moment in moments:
        moment.store()


class _Moments:
    """Count, sum and sum of squares of a batch norm's inputs, a channel."""

    def __init__(self, norm: _BatchNorm) -> None:
        self.norm = norm
        device = norm.running_mean.device if norm.running_mean is not None else None
        self.sums = torch.zeros(3, norm.num_features, dtype=torch.float64, device=device)
        self.hook = norm.register_forward_pre_hook(self._add)

    def _add(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        axes = [axis for axis in range(inputs[0].dim()) if axis != 1]
        variance_C, mean_C = torch.var_mean(inputs[0].float(), axes, correction=0)
        # float64: a variance is the small difference of two sums
        variance_C, mean_C = variance_C.double(), mean_C.double()
        ones = torch.ones_like(mean_C)
        count = inputs[0].numel() / inputs[0].shape[1]
        self.sums += count * torch.stack([ones, mean_C, variance_C + mean_C.square()])

    def store(self) -> None:
        """Write the statistics over all processes into the norm."""
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(self.sums)
        count_C, sum_C, square_C = self.sums
        if count_C[0] < 2 or self.norm.running_mean is None or self.norm.running_var is None:
            return
        mean_C = sum_C / count_C
        unbiased_C = (square_C / count_C - mean_C.square()) * count_C / (count_C - 1)
        self.norm.running_mean.copy_(mean_C)
        self.norm.running_var.copy_(unbiased_C.clamp(min=0))
