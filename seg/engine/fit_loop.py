"""Fit loop of any network: fits, rolls back after divergences, resumes, scores the weights."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Generic, TypeVar

import pytorch_lightning as pl

from seg.build.segmentation import FitParts
from seg.config.schema import FitConfig
from seg.engine.dry_run import dry_run
from seg.engine.extension import extend
from seg.engine.oom_advice import translated_errors
from seg.engine.resume import (
    changes_at,
    changes_since,
    completed_score,
    keep_counted_images,
    keep_global_batch_size,
    latest_valid_checkpoint,
    prepare_run_dir,
)
from seg.errors import ConfigError, DivergenceError
from seg.reports.page import write_run_report
from seg.training.callbacks.checkpoints import BestAndLast
from seg.training.callbacks.lr_rollback import LearningRateScale
from seg.training.checkpoint import State, read_state
from seg.training.provenance import record_session

log = logging.getLogger(__name__)
F = TypeVar("F", bound=FitConfig)
P = TypeVar("P", bound=FitParts)
_FINISHED = (
    "finished already, val %s %.4f: %s\n"
    "  to train longer: resume=%s trainer.max_epochs=N (or trainer.max_steps=N)\n"
    "  a new run from its weights: weights=%s"
)


@dataclass(frozen=True)
class FitResult:
    """Result of a training.

    Attributes:
        run_dir: of the run.
        best: the checkpoint whose weights the network has now; None: no callback saved any.
        training_s: seconds since this process began to train.
    """

    run_dir: Path
    best: State | None
    training_s: float


@dataclass(frozen=True)
class FitSpec(Generic[F, P]):
    """Kind of network that is fitted, and how.

    Attributes:
        schema: of its configuration.
        build: the configuration and the run directory -> its parts.
        finish: scores the network once it is trained, in each process; returns scores by key.
        score: key of the score that stands for the run, in those and in `metrics.json`.
        title: of that score, for people.
    """

    schema: type[F]
    build: Callable[[F, Path], P]
    finish: Callable[[P, FitResult], dict[str, float]]
    score: str
    title: str


def run_training(job: FitSpec[F, P], config: F, run_dir: Path) -> float | None:
    """Fit, or with `resume` go on with the run in `run_dir`; then score the best weights.

    In each process of those that train together.

    Returns:
        their score; None after a dry run.

    Raises:
        ConfigError: what is trained so far was trained by another configuration.
        DivergenceError: loss or weights were not finite more often than `nan_policy` allows.
    """
    if config.dry_run:
        dry_run(job.build(config, run_dir))
        return None
    value = None if config.resume is None else completed_score(run_dir, job.score)
    if value is not None and not changes_since(run_dir, config):
        log.info(_FINISHED, job.title, value, *(run_dir,) * 3)
        return value
    position = latest_valid_checkpoint(run_dir) if config.resume is not None else None
    if value is not None and position is None:
        raise ConfigError(f"resume: {run_dir} has finished and no checkpoint is left to go on from")
    config = keep_counted_images(keep_global_batch_size(config, position), position)
    return _train(job, config, run_dir, position)


def _train(job: FitSpec[F, P], config: F, run_dir: Path, position: State | None) -> float:
    """Fit from a position on; after a divergence, from an earlier one as often as is allowed."""
    scale = None
    for rollbacks_left in reversed(range(config.nan_policy.rollbacks + 1)):
        parts = job.build(config, run_dir)
        if position is not None and (longer := changes_at(position, parts.task.config, config)):
            extend(parts, position, longer, config)
        if parts.trainer.is_global_zero:
            prepare_run_dir(position, run_dir)
        callbacks: list[pl.Callback] = parts.trainer.callbacks  # type: ignore[attr-defined]
        rate = next(each for each in callbacks if isinstance(each, LearningRateScale))
        from_step = None if position is None else position.step
        rate.target = scale
        try:
            with record_session(parts.trainer, run_dir, from_step=from_step):
                value = fit(job, parts, run_dir, None if position is None else position.path)
        except DivergenceError as error:
            if not rollbacks_left:
                raise
            scale = rate.scale * config.nan_policy.lr_factor
            position = latest_valid_checkpoint(run_dir, before=error.step)
            step = 0 if position is None else position.step
            log.warning("%s\n  back to step %d, rates x %.3g", error, step, scale)
        else:
            if parts.trainer.is_global_zero:
                write_run_report(run_dir)
            return value
    raise AssertionError("the last round returns or raises")


def fit(job: FitSpec[F, P], parts: P, run_dir: Path, checkpoint: Path | None = None) -> float:
    """Train, from a checkpoint's position on or from the start, and score the best weights.

    Returns:
        their score.
    """
    started_at = perf_counter()
    best = None
    with translated_errors(parts):
        parts.trainer.fit(parts.task, datamodule=parts.data, ckpt_path=checkpoint)
    for keeper in parts.trainer.checkpoint_callbacks:
        if isinstance(keeper, BestAndLast):
            # the schedule of validations may not have reached the final weights
            if keeper.validated_step != parts.trainer.global_step:
                parts.trainer.validate(parts.task, datamodule=parts.data, verbose=False)
                keeper.record_score(parts.trainer, parts.task.last_metrics)
            best = read_state(Path(keeper.best_path))
            parts.task.model.load_state_dict(best.model_state)
    parts.trainer.loggers = []  # the curves end with training
    scores = job.finish(parts, FitResult(run_dir, best, perf_counter() - started_at))
    log.info("images and numbers: %s (predictions.png, metrics.json)", run_dir)
    return scores[job.score]
