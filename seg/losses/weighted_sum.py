"""A weighted sum of losses."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from seg.errors import ConfigError
from seg.losses.cross_entropy import accepts_coarse_logits, compute_loss
from seg.losses.mask_loss import takes_classes, takes_masks
from seg.models.coarse_logits import CoarseLogits, Logits


class WeightedSum(nn.Module):
    """`sum of weight x term`.

    Args:
        num_classes: number of classes, passed to every term.
        ignore_index: label of pixels that do not count, passed to every term.
        terms: `(num_classes=, ignore_index=) -> loss`, in YAML nodes with `_partial_: true`.
        weights: one factor a term.

    Raises:
        ConfigError: another number of weights than terms, or none.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        ignore_index: int,
        terms: Sequence[Callable[..., nn.Module]],
        weights: Sequence[float],
    ) -> None:
        super().__init__()
        if not terms or len(terms) != len(weights):
            raise ConfigError(
                f"loss.weights: {len(weights)} weights for {len(terms)} terms; give one a term"
            )
        self.terms = nn.ModuleList(
            term(num_classes=num_classes, ignore_index=ignore_index) for term in terms
        )
        self.weights = tuple(weights)

    @property
    def accepts_coarse_logits(self) -> bool:
        """Return whether any term takes `CoarseLogits`; the others get resized logits."""
        return any(accepts_coarse_logits(term) for term in self.terms)

    @property
    def takes_masks(self) -> bool:
        """Return whether every term takes masks."""
        return all(takes_masks(term) for term in self.terms)

    @property
    def takes_classes(self) -> bool:
        """Return whether every term takes classes."""
        return all(takes_classes(term) for term in self.terms)

    def forward(self, logits: Logits, label_BHW: Tensor) -> Tensor:
        """Return the loss of logits B x K x H x W and integer labels B x H x W, a scalar."""
        full = logits
        if isinstance(logits, CoarseLogits) and not all(
            accepts_coarse_logits(term) for term in self.terms
        ):
            full = logits.resized()
        values = [
            compute_loss(term, logits if accepts_coarse_logits(term) else full, label_BHW)
            for term in self.terms
        ]
        return torch.stack([w * v for w, v in zip(self.weights, values, strict=True)]).sum()
