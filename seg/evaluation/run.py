"""The work of `python -m seg.evaluate`, and the same in Python."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

from seg.config.commands import EvaluateConfig
from seg.config.composition import chosen
from seg.io.atomic import scratch_directory
from seg.models.checkpoint_file import require_checkpoint

log = logging.getLogger(__name__)


def evaluate(
    checkpoint: str | Path,
    *,
    dataset: str | None = None,
    dataset_options: Mapping[str, Any] | None = None,
    split: Literal["train", "val", "test"] = "val",
    inference: str = "whole",
    inference_options: Mapping[str, Any] | None = None,
    batch_size: int | None = None,
    num_workers: int | None = None,
    output: str | Path | None = None,
    trust: bool = False,
    plugins: Sequence[str] = (),
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> dict[str, float]:
    """Return the scores of a checkpoint, those of `python -m seg.evaluate`.

    >>> import seg
    >>> scores = seg.evaluate("runs/mine", split="val")
    >>> 0 <= scores["val/miou"] <= 1
    True

    Args:
        checkpoint: a run directory, a checkpoint file, or an exported file.
        dataset: an option of the group `dataset`, such as `folder`; None: as in training.
        dataset_options: keys of the dataset that differ, such as `{"root": "DIR"}`.
        split: what is scored.
        inference: an option of the group `inference`, such as `sliding`.
        inference_options: keys of it that differ, such as `{"window": [513, 513]}`.
        batch_size: images a batch; None: as in training.
        num_workers: processes of the loader; None: as in training.
        output: directory for `metrics.json`, images and the report; None: nothing is kept.
        trust: also open exported files that may hold code.
        plugins: classes of plugins that the checkpoint may name.
        device: where the network runs.

    Returns:
        scores by their names in `metrics.json`, such as `val/miou` and `val/iou/road`.

    Raises:
        ConfigError, DataError: as the command ends.
    """
    values = {
        "checkpoint": checkpoint,
        "split": split,
        "dataset": dict(dataset_options or {}),
        "inference": dict(inference_options or {}),
        "batch_size": batch_size,
        "num_workers": num_workers,
        "trust": trust,
        "plugins": list(plugins),
        "device": device,
    }
    options = {"dataset": dataset, "inference": inference}
    config = chosen("evaluate", EvaluateConfig, options, values)
    with scratch_directory() if output is None else nullcontext(Path(output)) as directory:
        directory.mkdir(parents=True, exist_ok=True)
        return run_evaluation(config, directory)


def run_evaluation(config: EvaluateConfig, run_dir: Path) -> dict[str, float]:
    """Score a checkpoint; leave `metrics.json`, images and a report in `run_dir`.

    Returns:
        the scores of `metrics.json`.

    Raises:
        ConfigError, DataError: what is wrong with the choices, the checkpoint or the dataset.
    """
    assert config.checkpoint is not None
    from seg.build.datasets import refuse_missing_root, refuse_wrong_root

    refuse_wrong_root(config.dataset)
    refuse_missing_root(Path(config.checkpoint), config.dataset)
    require_checkpoint(config.checkpoint)
    from seg.build.evaluation import build_evaluation
    from seg.build.instantiate import build, check_sections
    from seg.build.models import read_trained
    from seg.evaluation.evaluator import Evaluator
    from seg.evaluation.protocol import checkpoint_facts
    from seg.inference.device import choose_device
    from seg.reports.page import write_run_report

    check_sections(config, "inference")
    inference = build("inference", config.inference.node())
    checkpoint = read_trained(config.checkpoint, trust=config.trust, plugins=config.plugins)
    parts = build_evaluation(
        checkpoint,
        dataset=config.dataset,
        labels=config.labels,
        split=config.split,
        batch_size=config.batch_size,
        num_workers=config.num_workers,
        run_dir=run_dir,
        device=choose_device(config.device).type,
    )
    facts = checkpoint_facts(checkpoint.identity, checkpoint.step)
    facts |= {"path": str(checkpoint.path), "engine": checkpoint.engine}
    scores = Evaluator(parts, inference, facts).run(run_dir)
    log.info("images and numbers: %s (predictions.png, metrics.json)", run_dir)
    write_run_report(run_dir)
    return scores
