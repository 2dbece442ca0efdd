"""How uncertain predictions are, pixel by pixel: from 0, sure, to 1.

Sigmoid outputs are decided one by one, so that their values are means over the outputs.
"""

from collections.abc import Iterable
from math import log

import torch
from torch import Tensor

from seg.data.outputs import Outputs


def entropy(probabilities: Tensor, dim: int, outputs: Outputs | None = None) -> Tensor:
    """Return the entropy of each pixel, divided by its largest value.

    Args:
        probabilities: float, of any shape; NaN where there is no data, which gives NaN.
        dim: its axis of the classes, which the result lacks.
        outputs: what the sigmoids mean; None: a softmax.

    Returns:
        Shannon's entropy over log K of a softmax; the mean binary entropy in bits of sigmoids.
    """
    return (_nats(probabilities, dim, outputs) / log(_choices(probabilities, dim, outputs))).clamp(
        0, 1
    )


def margin(probabilities: Tensor, dim: int, outputs: Outputs | None = None) -> Tensor:
    """Return how close each pixel is to another decision; arguments as those of `entropy`.

    Returns:
        1 less the two greatest probabilities' difference of a softmax (Scheffer et al., IDA 2001).
        A sigmoid is 1 at its threshold and falls to 0 at the probabilities 0 and 1, on straight
        lines.
    """
    if outputs is None:
        first, second = probabilities.topk(2, dim).values.unbind(dim)
        return 1 - (first - second)
    shape = [1] * probabilities.ndim
    shape[dim] = -1
    thresholds = torch.tensor(outputs.thresholds, device=probabilities.device).view(shape)
    below, above = probabilities / thresholds, (1 - probabilities) / (1 - thresholds)
    return torch.minimum(below, above).mean(dim)


def disagreement(members: Iterable[Tensor], dim: int, outputs: Outputs | None = None) -> Tensor:
    """Return how much several predictions of the same pixels contradict each other.

    It is the entropy of their mean less the mean of their entropies: the mutual information of
    class and member (Houlsby et al., 2011, "BALD"), which is the Jensen-Shannon divergence of the
    members. It is divided by its largest value, the logarithm of the number of members or of
    choices, whichever is less.

    Args:
        members: probabilities of two members or more, taken one at a time.
        dim: see `entropy`.
        outputs: see `entropy`.
    """
    count, total, nats = 0, torch.zeros(()), torch.zeros(())
    for count, probabilities in enumerate(members, 1):  # noqa: B007 - the last number counts them
        total = total.to(probabilities.device) + probabilities
        nats = nats.to(probabilities.device) + _nats(probabilities, dim, outputs)
    if count < 2:
        raise ValueError(f"{count} members; two or more can disagree")
    most = min(count, _choices(total, dim, outputs))
    return ((_nats(total / count, dim, outputs) - nats / count) / log(most)).clamp(0, 1)


def _nats(probabilities: Tensor, dim: int, outputs: Outputs | None) -> Tensor:
    """Return the entropy of the classes, or the mean one of the outputs, in nats."""
    nats: Tensor = torch.special.entr(probabilities)
    if outputs is None:
        return nats.sum(dim)
    nats = nats + torch.special.entr(1 - probabilities)
    return nats.mean(dim)


def _choices(probabilities: Tensor, dim: int, outputs: Outputs | None) -> int:
    """Return among how many classes a decision is."""
    return 2 if outputs is not None else probabilities.shape[dim]
