"""Which weights are kept as the best."""

import math
from types import SimpleNamespace

import pytest

from seg.training.callbacks.checkpoints import BestAndLast


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
