"""Sweeps of tiny trainings, as they are typed."""

from seg.sweeps.trials import read_sweep
from tests.conftest import SMALL, seg

TINY = (
    *SMALL,
    *("trainer.max_epochs=1", "encoder=aligned_xception_micro", "dataset.train_length=8"),
    *("dataset.val_length=4", "callbacks.gif=null", "logger=csv", "optimizer=sgd"),
)
KILLED, CONFIG = -9, 2


def run(sweep_dir, *arguments, fault=None, command="train"):
    line = ("-m", *TINY, f"hydra.sweep.dir={sweep_dir}", *arguments)
    return seg(command, *line, cwd=sweep_dir.parent, fault=fault)


def outcomes(sweep_dir):
    """What must not depend on kills and launchers."""
    trials = read_sweep(sweep_dir).trials
    return [(each.number, dict(each.choices), each.state, each.value) for each in trials]
