"""Pixel-wise cross entropy, and the base of losses that are made of it."""

from collections.abc import Sequence
from math import prod
from typing import Literal

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from seg.errors import ConfigError
from seg.kernels.numba_jit import should_use_numba_cross_entropy
from seg.losses.fused_cross_entropy import upsampled_cross_entropy
from seg.models.coarse_logits import CoarseLogits, Logits

ClassWeights = Sequence[float] | Literal["auto"] | None
# smaller logits are quicker resized as a whole in PyTorch, unless a compiled loop takes them
_FUSED_FROM_BYTES = 2**26
SMALLEST = torch.finfo(torch.float32).tiny


class PixelLoss(nn.Module):
    """A loss that is made of the cross entropy of single pixels.

    It takes `CoarseLogits` too, and resizes them without holding the large logits. Subclasses with
    a true `takes_masks` also take labels B x K x H x W: see `seg.losses.mask_loss`.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
        class_weights: one factor a class, or None for equal weights. `auto` stands for numbers that
            are counted where a run is put together.

    Raises:
        ConfigError: as many weights as classes are needed, none negative.
    """

    accepts_coarse_logits = True
    weight: Tensor | None

    def __init__(
        self, *, num_classes: int, ignore_index: int, class_weights: ClassWeights = None
    ) -> None:
        super().__init__()
        self.ignore_index = ignore_index
        weight = None
        if isinstance(class_weights, str):
            raise ConfigError(
                "loss.class_weights: auto needs the training labels; give numbers or null here"
            )
        if class_weights is not None:
            if len(class_weights) != num_classes:
                raise ConfigError(
                    f"loss.class_weights: {len(class_weights)} weights for {num_classes} classes; "
                    f"give {num_classes} numbers or null"
                )
            if min(class_weights) < 0:
                raise ConfigError(f"loss.class_weights: negative weight {min(class_weights)}")
            weight = torch.tensor(list(class_weights), dtype=torch.float32)
        self.register_buffer("weight", weight, persistent=False)

    def nll(self, logits: Logits, label_BHW: Tensor) -> Tensor:
        """Return `-log p` of each pixel's label, float32, B x H x W; 0 where it is ignored.

        Of masks B x K x H x W it is that of each output's sigmoid, of this shape.
        """
        if label_BHW.ndim == 4:
            return binary_cross_entropy(logits, label_BHW, self.ignore_index)
        return cross_entropy(logits, label_BHW, self.ignore_index)

    def pixel_losses(
        self, logits: Logits, label_BHW: Tensor, *, label_smoothing: float = 0.0
    ) -> Tensor:
        """Return each pixel's weighted cross entropy, float32, B x H x W; 0 where ignored."""
        return cross_entropy(logits, label_BHW, self.ignore_index, self.weight, label_smoothing)

    def sum_pixel_losses(
        self, logits: Logits, label_BHW: Tensor, *, label_smoothing: float = 0.0
    ) -> Tensor:
        """Return the sum of `pixel_losses`.

        On a CPU a compiled loop finds its gradient in the same pass: quicker than `pixel_losses`.
        """
        if isinstance(logits, CoarseLogits) and not label_smoothing and torch.is_grad_enabled():
            _check_size(logits, label_BHW)
            if should_use_numba_cross_entropy(logits.values, label_BHW, self.ignore_index):
                from seg.kernels.cross_entropy import summed_cross_entropy

                inputs = logits.values, label_BHW, logits.resize
                return summed_cross_entropy(*inputs, self.ignore_index, self.weight)
        return self.pixel_losses(logits, label_BHW, label_smoothing=label_smoothing).sum()

    def apply_class_weights(self, losses_BHW: Tensor, label_BHW: Tensor) -> Tensor:
        """Multiply the losses of pixels by the weight of their class."""
        if self.weight is None:
            return losses_BHW
        if label_BHW.ndim == 4:
            return losses_BHW * self.weight[:, None, None]
        index_BHW = label_BHW.where(label_BHW != self.ignore_index, 0).long()
        return losses_BHW * self.weight[index_BHW]

    def normalizer(self, label_BHW: Tensor) -> Tensor:
        """Return the summed weight of the pixels that count, float32.

        While several processes train together, return the mean of their sums: they train by the
        mean of their `sum / normalizer`, which then is the mean over all their pixels.
        """
        counted_BHW = label_BHW != self.ignore_index
        if self.weight is not None and label_BHW.ndim == 4:
            weight = self.weight @ counted_BHW.sum((0, 2, 3)).float()
        elif self.weight is not None:
            weight = self.weight[label_BHW[counted_BHW].long()].sum()
        else:
            weight = counted_BHW.sum().float()
        # during evaluation, processes may have different numbers of batches: no waiting for others
        if self.training and distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(weight)
            weight /= distributed.get_world_size()
        return weight


class CrossEntropy(PixelLoss):
    """Mean cross entropy over the pixels that count.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
        class_weights: see `PixelLoss`; the mean is weighted too.
        label_smoothing: share of the target that is spread over all classes (Szegedy et al.,
            "Rethinking the Inception Architecture", CVPR 2016, section 7).

    Raises:
        ConfigError: as `PixelLoss`; a smoothing outside 0 to 1.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        ignore_index: int,
        class_weights: ClassWeights = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            num_classes=num_classes, ignore_index=ignore_index, class_weights=class_weights
        )
        if not 0 <= label_smoothing < 1:
            raise ConfigError(f"loss.label_smoothing={label_smoothing}; allowed: 0 to below 1")
        self.label_smoothing = label_smoothing

    def forward(self, logits: Logits, label_BHW: Tensor) -> Tensor:
        """Return the loss of B x K x H x W logits and B x H x W labels, 0 if all are ignored."""
        total = self.sum_pixel_losses(logits, label_BHW, label_smoothing=self.label_smoothing)
        return total / self.normalizer(label_BHW).clamp(min=SMALLEST)


def cross_entropy(
    logits: Logits,
    label_BHW: Tensor,
    ignore_index: int,
    weight: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross entropy of each pixel, float32, B x H x W; 0 where it is ignored.

    Args:
        logits: B x K x H x W.
        label_BHW: classes, or `ignore_index`.
        ignore_index: label of pixels that do not count.
        weight: one factor a class; None for equal weights.
        label_smoothing: share of the target that is spread over all classes.
    """
    if isinstance(logits, CoarseLogits):
        _check_size(logits, label_BHW)
        values, resize = logits.values, logits.resize
        if not label_smoothing and should_use_numba_cross_entropy(values, label_BHW, ignore_index):
            from seg.kernels import cross_entropy as loops

            return loops.upsampled_cross_entropy(values, label_BHW, resize, ignore_index, weight)
        scale = prod(resize.cropped) / prod(values.shape[2:])
        is_large = int(values.numel() * scale * values.element_size()) > _FUSED_FROM_BYTES
        if is_large or values.device.type != "cpu":
            inputs = values, label_BHW, resize, ignore_index, weight
            return upsampled_cross_entropy(*inputs, label_smoothing=label_smoothing)
        logits = logits.resized()
    exact = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return functional.cross_entropy(
        exact,
        label_BHW.long(),
        None if weight is None else weight.to(exact.dtype),
        ignore_index=ignore_index,
        reduction="none",
        label_smoothing=label_smoothing,
    )


def binary_cross_entropy(logits: Logits, mask_BKHW: Tensor, ignored: int) -> Tensor:
    """Return the cross entropy of each output's sigmoid, float32, B x K x H x W; 0 where ignored.

    Args:
        logits: B x K x H x W.
        mask_BKHW: 0, 1 or `ignored`.
        ignored: stands for pixels that do not count.
    """
    logits_BKHW = logits.resized() if isinstance(logits, CoarseLogits) else logits
    exact = logits_BKHW.to(torch.promote_types(logits_BKHW.dtype, torch.float32))
    inside = (mask_BKHW == 1).to(exact.dtype)
    losses = functional.binary_cross_entropy_with_logits(exact, inside, reduction="none")
    return losses.where(mask_BKHW != ignored, 0)


def _check_size(logits: CoarseLogits, label_BHW: Tensor) -> None:
    if label_BHW.shape[1:] != logits.resize.cropped:
        raise ValueError(f"labels {tuple(label_BHW.shape)} for an image {logits.resize.cropped}")


def accepts_coarse_logits(loss: nn.Module) -> bool:
    """Return whether a loss takes `CoarseLogits` in place of logits."""
    return bool(getattr(loss, "accepts_coarse_logits", False))


def compute_loss(loss: nn.Module, logits: Logits, label_BHW: Tensor) -> Tensor:
    """Return the scalar of a loss, which gets what it takes.

    Logits come at full size and labels as int64, as torch's own losses want them; a loss that
    accepts coarse logits gets these, and labels as they are. Masks stay as they are.

    Raises:
        ConfigError: it gives no scalar.
    """
    if accepts_coarse_logits(loss):
        value = loss(logits, label_BHW)
    else:
        full_BKHW = logits.resized() if isinstance(logits, CoarseLogits) else logits
        value = loss(full_BKHW, label_BHW.long() if label_BHW.ndim == 3 else label_BHW)
    if not isinstance(value, Tensor) or value.ndim:
        what = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ConfigError(
            f"loss: {type(loss).__name__} gives {what}; a scalar tensor is expected, such as the "
            "mean over the pixels that count"
        )
    return value
