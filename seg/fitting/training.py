"""Trains and scores the best weights; goes on with a run that was cut off."""

import logging
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import pytorch_lightning as pl

from seg.assemble.parts import Parts, assemble
from seg.callbacks.checkpoints import BestAndLast
from seg.callbacks.learning_rate_scale import LearningRateScale
from seg.checkpoint import Checkpoint, read_checkpoint
from seg.config.schema import TrainConfig
from seg.errors import DivergenceError
from seg.evaluation.evaluator import Evaluator
from seg.evaluation.protocol import checkpoint_facts
from seg.fitting.dry_run import dry_run
from seg.fitting.explained import explained
from seg.fitting.resuming import (
    begin,
    finished_value,
    newest_sound,
    refuse_changes,
    rescaled,
)
from seg.inference.inference import Inference
from seg.outputs.environment import noted
from seg.reporting.page import write_report

log = logging.getLogger(__name__)
C = TypeVar("C", bound=pl.Callback)


def train(config: TrainConfig, run_dir: Path) -> float | None:
    """Train, or with `resume` go on with the run in `run_dir`; then score the best weights.

    In each process of those that train together.

    Returns:
        their `val/miou`; None after a dry run.

    Raises:
        ConfigError: what is trained so far was trained by another configuration.
        DivergenceError: loss or weights were not finite more often than `divergence` allows.
    """
    if config.dry_run:
        dry_run(assemble(config, run_dir))
        return None
    if config.resume is not None and (value := finished_value(run_dir)) is not None:
        log.info("finished already, val mIoU %.4f: %s", value, run_dir)
        return value
    position = newest_sound(run_dir) if config.resume is not None else None
    config = rescaled(config, position)
    scale = None
    for rollbacks_left in reversed(range(config.divergence.rollbacks + 1)):
        parts = assemble(config, run_dir)
        refuse_changes(position, parts.task.config)
        if parts.trainer.is_global_zero:
            begin(position, run_dir)
        rate = the(LearningRateScale, parts.trainer)
        rate.wanted = scale
        try:
            with noted(parts.trainer, run_dir, from_step=_step(position)):
                value = fit(parts, run_dir, None if position is None else position.path)
        except DivergenceError as error:
            if not rollbacks_left:
                raise
            scale = rate.scale * config.divergence.lr_factor
            position = newest_sound(run_dir, before=error.step)
            step = 0 if position is None else position.step
            log.warning("%s\n  back to step %d, rates x %.3g", error, step, scale)
        else:
            if parts.trainer.is_global_zero:
                report(run_dir)
            return value
    raise AssertionError("the last round returns or raises")


def fit(parts: Parts, run_dir: Path, checkpoint: Path | None = None) -> float:
    """Train, from a checkpoint's position on or from the start, and score the best weights.

    Returns:
        their `val/miou`.
    """
    started_at = perf_counter()
    facts: dict[str, Any] = {}
    with explained(parts):
        parts.trainer.fit(parts.task, datamodule=parts.data, ckpt_path=checkpoint)
    for keeper in parts.trainer.checkpoint_callbacks:
        if isinstance(keeper, BestAndLast):
            _let_the_end_compete(parts, keeper)
            best = read_checkpoint(Path(keeper.best_path))
            parts.task.model.load_state_dict(best.model_state)
            facts = checkpoint_facts(best.path, best.step)
    parts.trainer.loggers = []  # the curves end with training
    evaluator = Evaluator(parts, Inference(), facts)
    scores = evaluator.run(run_dir, training_s=perf_counter() - started_at)
    log.info("pictures and numbers: %s (predictions.png, metrics.json)", run_dir)
    return scores["val/miou"]


def report(run_dir: Path) -> None:
    """Write `report.html`; a run that has ended well is not spoilt by a page that cannot be."""
    path = run_dir / "report.html"
    try:
        write_report([run_dir], path)
    except Exception as error:
        log.warning("no report: %s (python -m seg.report %s)", error, run_dir)
    else:
        log.info("report: %s", path.resolve().as_uri())


def the(kind: type[C], trainer: pl.Trainer) -> C:
    """The trainer's callback of a kind."""
    return next(each for each in trainer.callbacks if isinstance(each, kind))  # type: ignore[attr-defined]


def _step(position: Checkpoint | None) -> int | None:
    return None if position is None else position.step


def _let_the_end_compete(parts: Parts, keeper: BestAndLast) -> None:
    """Validate the final weights where the schedule of validations did not reach them."""
    if keeper.validated_step == parts.trainer.global_step:
        return
    parts.trainer.validate(parts.task, datamodule=parts.data, verbose=False)
    keeper.offer(parts.trainer, parts.task.results)
