"""The claims of the paper, and the comparisons that each rests on.

Source: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions" (CVPR 2017).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from seg.models.variants import Variant
from seg.xception_paper.paired_test import Kind

Measure = Literal["score", "speed"]
# One norm after the pair, nothing between its steps: section 3 and figure 5.
PAPER = Variant(between="none", norm_between=False)


@dataclass(frozen=True)
class Comparison:
    """Two forms of the separable convolution, as they differ from the paper's own.

    Attributes:
        against: name of the other side, as in `... over AGAINST`.
        other: options of that side.
        favored: options of the side that the claim favors.
    """

    against: str
    other: Mapping[str, Any]
    favored: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        key: its name in `claims.json`.
        text: the claim as a clause.
        source: section, figure, table; what else the reader must know.
        kind: what is claimed of the differences.
        comparisons: what it rests on.
        measure: `score`: the best weights' value; `speed`: the mean of all validations.
        any_of: whether it rests only on the comparisons that a sweep makes, not on all.
        costs: whether the other side costs more by the formula; the costs are then counted.
    """

    key: str
    text: str
    source: str
    kind: Kind
    comparisons: tuple[Comparison, ...]
    measure: Measure = "score"
    any_of: bool = False
    costs: bool = False


_ACTIVATIONS = (
    Comparison("ReLU between", {"between": "relu"}),
    Comparison("ELU between", {"between": "elu"}),
)
_NO_RESIDUAL = (Comparison("no residual connections", {"residual": False}),)
_FIRST = {"order": "pointwise_first"}
_TOWERS = {1: "1 tower", 2: "2 towers", 4: "4 towers", 8: "8 towers"}

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "no_activation",
        "no activation between the two steps ends better than one",
        "section 4.7, figure 10",
        "better",
        _ACTIVATIONS,
    ),
    Claim(
        "no_activation_speed",
        "no activation between the two steps converges faster than one",
        "section 4.7, figure 10",
        "better",
        _ACTIVATIONS,
        measure="speed",
    ),
    Claim(
        "residual",
        "residual connections end better than none",
        "section 4.6, figure 9; the paper adds that other settings may do without",
        "better",
        _NO_RESIDUAL,
    ),
    Claim(
        "residual_speed",
        "residual connections converge faster than none",
        "section 4.6, figure 9",
        "better",
        _NO_RESIDUAL,
        measure="speed",
    ),
    Claim(
        "order",
        "which of the two steps comes first does not matter",
        "section 1.2, argued there, not measured",
        "no matter",
        (Comparison("the pointwise step first", _FIRST),),
    ),
    Claim(
        "separable",
        "a separable convolution keeps the accuracy of the full one at a fraction of its cost",
        "section 3, the hypothesis that the two kinds of correlations can be mapped apart; cost "
        "1/M + 1/K^2: Howard et al., MobileNets (2017), section 3.1",
        "no worse",
        (Comparison("full convolutions", {"full": True}),),
        costs=True,
    ),
    Claim(
        "extreme",
        "a tower a channel is no worse than fewer towers, with fewer parameters",
        "sections 1.2 and 3; section 5 leaves the points between to later work",
        "no worse",
        tuple(
            Comparison(f"{_TOWERS[count]}{order}", {"towers": count, **first}, first)
            for order, first in ((", 1x1 first", _FIRST), ("", {}))
            for count in _TOWERS
        ),
        any_of=True,
    ),
    Claim(
        "inception",
        "the separable convolution does better than Inception's towers with a ReLU between",
        "section 4.5.1, table 1: top-1 0.790 to Inception V3's 0.782 with as many parameters; "
        "here in one network, in which towers have more",
        "better",
        tuple(
            Comparison(
                f"{_TOWERS[count]}, 1x1 first, ReLU between",
                {"towers": count, "between": "relu", **_FIRST},
            )
            for count in (2, 4, 8)
        ),
        any_of=True,
    ),
    Claim(
        "deep_spaces",
        "between a 1x1 and towers over many channels a ReLU helps",
        "section 4.7, offered there as a conjecture",
        "better",
        tuple(
            Comparison(
                f"{_TOWERS[count]}, 1x1 first, nothing between",
                {"towers": count, **_FIRST},
                {"towers": count, "between": "relu", **_FIRST},
            )
            for count in _TOWERS
        ),
        any_of=True,
    ),
)
