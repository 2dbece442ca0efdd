"""Options of a dataset that take one of a few values."""

from collections.abc import Sequence

from seg.errors import ConfigError

NO_TEST = "the labels of its test images are not published; seg.predict reads images alone"


def check_choice(
    dataset: str, key: str, value: str, allowed: Sequence[str], *, why: str = ""
) -> None:
    """Refuse a value that a dataset does not know.

    Args:
        dataset: as its paper writes it, `Cityscapes`.
        key: the option, `split`.
        value: what was asked for.
        allowed: the values there are.
        why: what keeps an expected value from being there; shown after the allowed ones.

    Raises:
        ConfigError: `value` is none of `allowed`.
    """
    if value not in allowed:
        reason = f"\n  {why}" if why else ""
        raise ConfigError(
            f"{dataset} has no {key} {value!r}; allowed: {', '.join(allowed)}{reason}"
        )
