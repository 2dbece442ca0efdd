"""`python -m seg.evaluate checkpoint=...`: the scores of a checkpoint on a split."""

import logging
from pathlib import Path

from seg.app import app
from seg.config.commands import EvaluateConfig

log = logging.getLogger(__name__)


@app("evaluate", EvaluateConfig)
def main(config: EvaluateConfig, run_dir: Path) -> float:
    """Write `metrics.json` into `run_dir`, under `val/...` for every split, as training does.

    Returns:
        mIoU.
    """
    from seg.assemble.parts import assemble_evaluation
    from seg.checkpoint import read_checkpoint
    from seg.fitting.scoring import score
    from seg.inference.device import choose_device

    parts = assemble_evaluation(
        read_checkpoint(config.checkpoint),
        dataset=config.dataset,
        labels=config.labels,
        split=config.split,
        batch_size=config.batch_size,
        num_workers=config.num_workers,
        run_dir=run_dir,
        device=choose_device(config.device).type,
    )
    scores = score(parts, run_dir)
    log.info("pictures and numbers: %s (predictions.png, metrics.json)", run_dir)
    return scores["val/miou"]


if __name__ == "__main__":
    main()
