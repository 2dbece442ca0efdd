"""Which weights are kept as the best."""

import math
from types import SimpleNamespace

import pytest

from seg.training.callbacks.checkpoints import BestAndLast
from tests.conftest import SMALL, seg


@pytest.mark.parametrize(
    ("scores", "best_at"),
    [((0.2, 0.5, 0.4), 1), ((math.nan, 0.1, 0.05), 1), ((0.3, math.nan), 0), ((math.nan,) * 3, 2)],
)
def test_a_score_that_is_no_number_beats_none_and_is_beaten_by_any(scores, best_at):
    written: list[tuple[str, int]] = []
    trainer = SimpleNamespace(
        global_step=0,
        loggers=[],
        save_checkpoint=lambda path: written.append((path, trainer.global_step)),
    )
    keeper = BestAndLast(monitor="val/miou", mode="max")
    keeper.best_path, keeper._last_path = "best", "last"
    for trainer.global_step, score in enumerate(scores):
        keeper.record_score(trainer, {"val/miou": score})
    assert [step for path, step in written if path == "best"][-1] == best_at
    assert [step for path, step in written if path == "last"] == list(range(len(scores)))


@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_a_metric_that_is_not_scored_is_refused_before_the_first_step(dry_run, tmp_path):
    line = (*SMALL, "callbacks.checkpoints.monitor=val/iou/raod", f"dry_run={dry_run}")
    done = seg("train", *line, cwd=tmp_path)
    assert done.returncode == 2
    assert "val/iou/raod: is not scored; allowed: val/loss, val/miou," in done.stderr
    assert done.stderr.rstrip().endswith("did you mean val/iou/road?")
    assert not list(tmp_path.rglob("*.ckpt"))
