"""Names and values of `metrics.json` as people read them."""

from seg.reports.number_format import NONE, percent, significant
from seg.reports.scores import TITLES


def is_share(name: str) -> bool:
    """Whether a value is told in hundredths: every score is, a loss or seconds are not."""
    return (name in TITLES and name != "val/loss") or name.startswith(("val/iou/", "val/dice/"))


def title_of(name: str) -> str:
    """`val/miou` -> `mIoU`; what has no title keeps its name."""
    return TITLES.get(name, name)


def value_text(name: str, value: float | None) -> str:
    """A value with its unit: `41.23 %`, `0.3125`."""
    if value is None:
        return NONE
    return f"{percent(value, 2)} %" if is_share(name) else significant(value, 4)
