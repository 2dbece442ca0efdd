"""Command `python -m seg.evaluate checkpoint=...` or `compare=[A,B]`: scores of one or two."""

import logging
from pathlib import Path

from seg.interruption import exiting_when_interrupted

with exiting_when_interrupted():
    from seg.app import app
    from seg.config.commands import EvaluateConfig

log = logging.getLogger(__name__)


@app("evaluate", EvaluateConfig)
def main(config: EvaluateConfig, run_dir: Path) -> float | None:
    """Write `metrics.json` into `run_dir`, its scores under the split: `test/miou`.

    With `compare`, write `comparison.json` instead.

    Returns:
        mIoU; None of a comparison.
    """
    if config.compare is not None:
        _compare(config, run_dir)
        return None
    assert config.checkpoint is not None
    from seg.build.datasets import refuse_missing_root, refuse_wrong_root

    refuse_wrong_root(config.dataset)
    refuse_missing_root(Path(config.checkpoint), config.dataset)
    from seg.build.instantiate import build, check_sections
    from seg.build.models import read_trained
    from seg.build.segmentation import build_evaluation
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
    return scores[f"{config.split}/miou"]


def _compare(config: EvaluateConfig, run_dir: Path) -> None:
    from seg.evaluation.comparison import compare, table
    from seg.io.atomic import write_json

    comparison = compare(config.compare or [], config.across)
    write_json(run_dir / "comparison.json", comparison)
    log.info("%s", "\n".join(table(comparison)))
    log.info("comparison: %s", run_dir / "comparison.json")


if __name__ == "__main__":
    main()
