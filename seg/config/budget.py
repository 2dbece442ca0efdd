"""Default length of training and distance of validations."""

from collections.abc import Mapping
from typing import Any, NamedTuple

AUTO = "auto"
LENGTH = ("max_epochs", "max_steps")
VALIDATIONS = ("check_val_every_n_epoch", "val_check_interval")
_LEAST_STEPS = 2000  # of a network that starts from random weights
_LEAST_SAMPLES = 8000
_VALIDATIONS = 10


class _EpochDefaults(NamedTuple):
    """Default length for data of a known size, and the epochs between validations."""

    length: int
    validated_every: int


_EPOCHS = {"dataset": _EpochDefaults(11, 4), "classification_dataset": _EpochDefaults(12, 2)}


def with_budget(plain: Any) -> Any:
    """Replace `auto` in the trainer's length and in its distance of validations by numbers.

    A number of epochs says little about data of any size: 11 epochs of 40 images are 44 steps. So
    datasets with `budget: steps` are trained by steps, whatever the trainer. A length in the
    configuration, in epochs or steps, wins.

    Args:
        plain: a composed configuration; one that lacks its sections is returned as it is.
    """
    trainer = plain.get("trainer") if isinstance(plain, Mapping) else None
    if not isinstance(trainer, Mapping):
        return plain
    images = "classification_dataset" if plain.get("classification_dataset") else "dataset"
    by_steps = _section(plain, images).get("budget") == "steps"
    trainer = dict(trainer)
    _settle_length(
        trainer, None if by_steps else _EPOCHS[images], _section(plain, "loader").get("batch_size")
    )
    _settle_validations(trainer, None if by_steps else _EPOCHS[images])
    return {**plain, "trainer": trainer}


def _settle_length(
    trainer: dict[str, Any], default: _EpochDefaults | None, batch_size: Any
) -> None:
    steps = trainer.get("max_steps")
    epochs = trainer.get("max_epochs")
    if epochs is None and steps == AUTO:
        trainer["max_epochs"] = -1
    if epochs == AUTO:
        counts_steps = default is None or (isinstance(steps, int) and steps >= 0)
        trainer["max_epochs"] = -1 if counts_steps or default is None else default.length
    if steps == AUTO:
        processes = _positive(trainer, "devices") * _positive(trainer, "num_nodes")
        samples = _positive(trainer, "accumulate_grad_batches") * processes * _count(batch_size)
        budget = max(_LEAST_STEPS, -(-_LEAST_SAMPLES // samples))
        trainer["max_steps"] = -1 if _epochs(trainer) is not None or epochs == -1 else budget


def _settle_validations(trainer: dict[str, Any], default: _EpochDefaults | None) -> None:
    """Set the distance of validations in epochs or in batches, and the other one to None."""
    every, interval = (trainer.get(key) for key in VALIDATIONS)
    epochs, steps = _epochs(trainer), trainer.get("max_steps")
    if every == AUTO:
        every = None
        if interval not in (AUTO, None):  # batches of the run, or a share of each epoch
            every = None if isinstance(interval, int) else 1
        elif epochs is not None:
            every = max(1, epochs // _VALIDATIONS) if default is None else default.validated_every
    if interval == AUTO:
        interval = None
        if every is None and isinstance(steps, int) and steps > 0:
            batches = steps * _positive(trainer, "accumulate_grad_batches")
            interval = max(1, batches // _VALIDATIONS)
        elif every is None and epochs is not None:
            every = max(1, epochs // _VALIDATIONS)
    trainer.update(zip(VALIDATIONS, (every, interval), strict=True))


def _epochs(trainer: Mapping[str, Any]) -> int | None:
    """Return the number of epochs of a run; None if it is counted in steps."""
    epochs = trainer.get("max_epochs")
    return epochs if isinstance(epochs, int) and epochs >= 0 else None


def _section(plain: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = plain.get(key)
    return section if isinstance(section, Mapping) else {}


def _positive(trainer: Mapping[str, Any], key: str) -> int:
    return _count(trainer.get(key, 1))


def _count(value: Any) -> int:
    """Return a positive whole number; 1 for a value that another check refuses."""
    return int(value) if str(value).isdecimal() and int(value) > 0 else 1
