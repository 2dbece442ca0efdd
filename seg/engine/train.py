"""Training of a segmenter, and the score of its best weights."""

from pathlib import Path

from seg.build.evaluation import evaluation_of
from seg.build.segmentation import Parts, build_segmentation
from seg.config.schema import TrainConfig
from seg.data.label_space import LabelSpace
from seg.engine import fit_loop
from seg.engine.fit_loop import FitResult, FitSpec
from seg.evaluation.evaluator import Evaluator
from seg.evaluation.protocol import checkpoint_facts
from seg.inference.inference import Inference


def train(config: TrainConfig, run_dir: Path) -> float | None:
    """Train a segmenter as `fit_loop.run_training` does; the score is `val/miou`."""
    return fit_loop.run_training(_SEGMENTATION, config, run_dir)


def fit(parts: Parts, run_dir: Path, checkpoint: Path | None = None) -> float:
    """Fit a segmenter as `fit_loop.fit` does; the score is `val/miou`."""
    return fit_loop.fit(_SEGMENTATION, parts, run_dir, checkpoint)


def _finish(parts: Parts, ended: FitResult) -> dict[str, float]:
    facts = {} if ended.best is None else checkpoint_facts(ended.best.path, ended.best.step)
    if ended.best is not None:  # thresholds are chosen anew by each validation
        parts.task.model.labels = LabelSpace.from_dict(ended.best.classes)
    evaluator = Evaluator(evaluation_of(parts), Inference(), facts)
    return evaluator.run(ended.run_dir, training_s=ended.training_s)


_SEGMENTATION = FitSpec(TrainConfig, build_segmentation, _finish, "val/miou", "mIoU")
