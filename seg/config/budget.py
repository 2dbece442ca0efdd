"""How long training is and how often it is validated, where a configuration leaves that open."""

from collections.abc import Mapping
from typing import Any

AUTO = "auto"
_LEAST_STEPS = 2000  # of a network that starts from random weights
_LEAST_SAMPLES = 8000
_VALIDATIONS = 10


def with_budget(plain: Any) -> Any:
    """Replace `auto` in the trainer's `max_steps` and `val_check_interval` by numbers.

    A number of epochs says little about data of any size: 11 epochs of 40 images are 44 steps. So
    `auto` counts steps, but leaves the length to `max_epochs` where that is set.

    Args:
        plain: a composed configuration; one that lacks its sections is returned as it is.
    """
    trainer = plain.get("trainer") if isinstance(plain, Mapping) else None
    if not isinstance(trainer, Mapping):
        return plain
    loader = plain.get("loader")
    batch_size = loader.get("batch_size") if isinstance(loader, Mapping) else None
    return {**plain, "trainer": _settled(trainer, batch_size)}


def _settled(trainer: Mapping[str, Any], batch_size: Any) -> dict[str, Any]:
    settled = dict(trainer)
    epochs = settled.get("max_epochs")
    by_epochs = isinstance(epochs, int) and epochs >= 0
    batches = _positive(settled, "accumulate_grad_batches")
    if settled.get("max_steps") == AUTO:
        processes = _positive(settled, "devices") * _positive(settled, "num_nodes")
        samples = batches * processes * _whole(batch_size)
        budget = max(_LEAST_STEPS, -(-_LEAST_SAMPLES // samples))
        settled["max_steps"] = -1 if by_epochs else budget
    if settled.get("val_check_interval") == AUTO:
        settled["val_check_interval"] = None
        steps = settled.get("max_steps")
        if settled.get("check_val_every_n_epoch") is not None:
            pass
        elif by_epochs:
            settled["check_val_every_n_epoch"] = max(1, epochs // _VALIDATIONS)  # type: ignore[operator]
        elif isinstance(steps, int) and steps > 0:
            settled["val_check_interval"] = max(1, steps * batches // _VALIDATIONS)
    return settled


def _positive(trainer: Mapping[str, Any], key: str) -> int:
    return _whole(trainer.get(key, 1))


def _whole(value: Any) -> int:
    """A number that counts; 1 for what another check refuses."""
    return int(value) if str(value).isdecimal() and int(value) > 0 else 1
