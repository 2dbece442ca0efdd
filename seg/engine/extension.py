"""Extension of a run past the length that it was started with."""

import logging
import math
from typing import Any

from torch.optim.lr_scheduler import LambdaLR

from seg.build.segmentation import FitParts
from seg.config.changes import Changes, table
from seg.config.schema import FitConfig
from seg.errors import ConfigError
from seg.training.callbacks.lr_rollback import LearningRateScale
from seg.training.callbacks.swa import StochasticWeightAveraging
from seg.training.checkpoint import State

log = logging.getLogger(__name__)
_COMPARED_STEPS = 1000


def extend(parts: FitParts, position: State, changed: Changes, config: FitConfig) -> None:
    """Let a run go on to a later end, if its schedule and its callbacks allow it.

    Schedules without an end (constant, steps in numbers, exponential) go on as if the run had been
    begun with this length. Those that run over the whole run (polynomial, cosine, shares) are
    stretched, so that the rate rises again: only where that is asked for by `extend=true`, or by a
    length that was typed beside `resume=RUN_DIR`.

    Args:
        parts: of the longer run.
        position: where it goes on.
        changed: `trainer.max_epochs`, `trainer.max_steps`, or both.
        config: of the longer run.

    Raises:
        ConfigError: it is not longer, or may not go on.
    """
    before, now = optimizer_steps(parts, changed=changed), optimizer_steps(parts)
    reason = _reason_against(parts, position, before, now, config)
    if reason is not None:
        raise ConfigError(table(changed, str(position.path), reason))
    summary = f"extended from {before:.0f} to {now:.0f} steps"
    if _has_same_rates(parts, position.step, before, now):
        log.info("%s", summary)
        return
    log.warning(
        "%s: scheduler is stretched over all of them, so the learning rate rises again; "
        "a run of that length from the start would end otherwise",
        summary,
    )
    for callback in parts.trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, LearningRateScale):
            callback.from_schedule = True


def optimizer_steps(parts: FitParts, *, changed: Changes | None = None) -> float:
    """Return how many optimizer steps a run takes, or took before its length was changed.

    Args:
        parts: of the run.
        changed: `trainer.max_epochs`, `trainer.max_steps`, or both: their values before count.
    """
    trainer = parts.trainer
    limits: dict[str, Any] = {
        "trainer.max_epochs": trainer.max_epochs,
        "trainer.max_steps": trainer.max_steps,
        **{key: before for key, (before, _) in (changed or {}).items()},
    }
    max_epochs, max_steps = (n if isinstance(n, int) else -1 for n in limits.values())
    batches, limit = len(parts.data.train_dataloader()), trainer.limit_train_batches
    batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    ends = [float(max_steps)] if max_steps > 0 else [math.inf]
    if max_epochs > 0:
        ends.append(max_epochs * math.ceil(batches / trainer.accumulate_grad_batches))
    return min(ends)


def _reason_against(
    parts: FitParts, position: State, before: float, now: float, config: FitConfig
) -> str | None:
    """Return why the run may not go on to the later end; None where it may."""
    if config.extend is False:
        return "extend=false: it ends as it was begun; extend=true goes on"
    if not now > max(before, position.step):
        return f"{now:.0f} steps instead of {before:.0f}: a run may become longer, not shorter"
    remedy = "a new run from its weights: weights=RUN_DIR"
    if any(isinstance(each, StochasticWeightAveraging) for each in parts.trainer.callbacks):  # type: ignore[attr-defined]
        return f"its averaging belongs to its last steps, so it cannot become longer; {remedy}"
    if not isinstance(_schedule(parts, now), LambdaLR):
        return f"its scheduler cannot run longer than it was begun for; {remedy}"
    is_stretched = not _has_same_rates(parts, position.step, before, now)
    if config.extend is None and config.resume == "auto" and is_stretched:
        return (
            "its scheduler runs over the whole run: extend=true stretches it, and the learning "
            "rate rises again"
        )
    return None


def _schedule(parts: FitParts, steps: float) -> Any:
    return parts.task.create_schedule(parts.task.create_optimizer(), int(steps))


def _has_same_rates(parts: FitParts, step: int, before: float, now: float) -> bool:
    """Return whether runs of both lengths have the same learning rates up to a step."""
    curves = [_schedule(parts, steps).lr_lambdas[0] for steps in (before, now)]
    stride = max(1, step // _COMPARED_STEPS)
    return all(curves[0](at) == curves[1](at) for at in (*range(0, step, stride), max(0, step - 1)))
