"""Trains a segmenter and scores its best weights; goes on with a run that was cut off."""

from pathlib import Path

from seg.build.segmentation import Parts, assemble
from seg.config.schema import TrainConfig
from seg.engine import fit_loop
from seg.engine.fit_loop import Ended, Job
from seg.evaluation.evaluator import Evaluator
from seg.evaluation.protocol import checkpoint_facts
from seg.inference.inference import Inference


def train(config: TrainConfig, run_dir: Path) -> float | None:
    """As `seg.engine.fit_loop.carry_out`; the score is `val/miou`."""
    return fit_loop.carry_out(_SEGMENTATION, config, run_dir)


def fit(parts: Parts, run_dir: Path, checkpoint: Path | None = None) -> float:
    """As `seg.engine.fit_loop.fit`; the score is `val/miou`."""
    return fit_loop.fit(_SEGMENTATION, parts, run_dir, checkpoint)


def _finish(parts: Parts, ended: Ended) -> dict[str, float]:
    facts = {} if ended.best is None else checkpoint_facts(ended.best.path, ended.best.step)
    evaluator = Evaluator(parts, Inference(), facts)
    return evaluator.run(ended.run_dir, training_s=ended.training_s)


_SEGMENTATION = Job(TrainConfig, assemble, _finish, "val/miou", "mIoU")
