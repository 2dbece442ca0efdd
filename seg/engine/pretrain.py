"""Training of an encoder as a classifier; its best weights are written for segmentation."""

import logging
from pathlib import Path
from time import perf_counter
from typing import Any

from seg.build.classification import ClassificationParts, build_classification
from seg.config.schema import PretrainConfig
from seg.engine import fit_loop
from seg.engine.fit_loop import FitResult, FitSpec
from seg.io.atomic import write_json
from seg.visualization.classification_grid import write_classification_grid
from seg.weight_tools.encoder_checkpoint import write_encoder

log = logging.getLogger(__name__)
# Keys of the configuration that the card quotes: how such weights come about.
_RECIPE = (
    *("classification_dataset", "classification_augmentation", "mixup", "head", "label_smoothing"),
    *("optimizer", "scheduler", "loader", "trainer", "weights", "seed"),
)


def pretrain(config: PretrainConfig, run_dir: Path) -> float | None:
    """Train a classifier as `fit_loop.run_training` does; the score is `val/top1`."""
    return fit_loop.run_training(_CLASSIFICATION, config, run_dir)


def _finish(parts: ClassificationParts, ended: FitResult) -> dict[str, float]:
    """Score; write `metrics.json`, `predictions.png`, `encoder.safetensors` and its card."""
    started_at = perf_counter()
    parts.trainer.validate(parts.task, datamodule=parts.data, verbose=False)
    scores = dict(parts.task.last_metrics)
    timings = {"training_s": ended.training_s, "evaluation_s": perf_counter() - started_at}
    if parts.trainer.is_global_zero:
        step = None if ended.best is None else ended.best.step
        write_classification_grid(parts.task.model, parts.data.split("val"), ended.run_dir)
        write_encoder(parts.task.model.encoder, ended.run_dir, _card(parts, scores, step))
        write_json(ended.run_dir / "metrics.json", {**scores, **timings})
        log.info(
            "val top-1 %.4f  top-5 %.4f on %d images; for segmentation: encoder.weights=%s",
            scores["val/top1"],
            scores["val/top5"],
            len(parts.data.split("val")),
            ended.run_dir,
        )
        _warn_of_one_class(parts)
    return scores


def _warn_of_one_class(parts: ClassificationParts) -> None:
    """Warn if every image is predicted as one class: top-1 is no more than its share then."""
    counts, labels = parts.task.scores.first_guesses, parts.task.labels
    predicted = [name for name, count in zip(labels.names, counts, strict=True) if count]
    if len(predicted) == 1 and sum(counts) > 1:
        log.warning(
            "every image is predicted as %s\n  try: more steps (trainer.max_steps), another "
            "optimizer.lr, weights to start from (encoder.weights)",
            predicted[0],
        )


def _card(parts: ClassificationParts, scores: dict[str, float], step: int | None) -> dict[str, Any]:
    config = parts.task.config
    names = list(parts.task.labels.names)
    dataset = config["classification_dataset"]
    return {
        "encoder": config["encoder"].get("name"),
        "options": config["encoder"],
        "origin": f"seg.pretrain on {dataset['_target_'].rpartition('.')[2]}",
        "dataset": dataset,
        "classes": names,
        "multi_label": parts.task.labels.multi_label,
        "scores": scores,
        "step": step,
        "recipe": {key: config[key] for key in _RECIPE},
    }


_CLASSIFICATION = FitSpec(PretrainConfig, build_classification, _finish, "val/top1", "top-1")
