"""Directories of sweeps as the sweeper leaves them, with numbers from a seed."""

import json
import math
import random

import yaml

from seg.sweeps.trials import Sweep, Trial, write_sweep

HOSTILE = '"><script>alert(1)</script>'
ENCODERS = ("aligned_xception_tiny", "aligned_xception_micro", "resnet50")


def value_of(choices, rng):
    """Best near a rate of 3e-3, better with one encoder, a little noise."""
    rate = math.log10(float(choices["optimizer.lr"]) / 3e-3)
    bonus = 0.03 * ENCODERS.index(choices["encoder"])
    return 0.5 - 0.08 * rate**2 + bonus + rng.gauss(0, 0.01)


def write_wide(directory, *, count=24, seed=0):
    """Drawn rates, encoders and batch sizes; some pruned, failed and running."""
    rng = random.Random(seed)
    trials = []
    for number in range(count):
        choices = {
            "encoder": ENCODERS[number % 3],
            "optimizer.lr": f"{10 ** rng.uniform(-4, -1):.6g}",
            "loader.batch_size": str(2 ** rng.randrange(2, 5)),
        }
        if number % 5 == 4:
            choices["loss"] = "focal"
        value, state, error = value_of(choices, rng), "finished", None
        if number % 8 == 6:
            state, value = "pruned", 0.7 * value
        if number % 11 == 5:
            state, value = "failed", None
            error = f"a loss that is not finite {HOSTILE}\n  at step 12"
        trials.append(Trial(number, choices, state, value, 60.0 + number, error))
        write_run(directory / str(number), choices, trials[-1], rng)
    trials.append(Trial(count, dict(trials[0].choices), "running"))
    line = ("encoder=" + ",".join(ENCODERS), "optimizer.lr=tag(log, interval(1e-4, 1e-1))")
    return write(directory, Sweep("train", line, "val/miou", trials=tuple(trials)))


def write_seeds(directory):
    """Two losses over three seeds: the best single trial is not of the best mean."""
    values = {"dice": (0.50, 0.52, 0.51), "focal": (0.40, 0.60, 0.41)}
    trials = []
    for loss, of_seeds in values.items():
        for seed, value in enumerate(of_seeds):
            choices = {"loss": loss, "seed": str(seed)}
            trials.append(Trial(len(trials), choices, "finished", value, 10.0))
    trials.append(Trial(6, {"loss": "dice", "seed": "3"}, "failed", None, 1.0, "no memory"))
    trials.append(Trial(7, {"loss": "ohem", "seed": "0"}, "failed", None, 1.0, "no memory"))
    line = ("loss=dice,focal,ohem", "seed=0,1,2,3", "trainer.max_epochs=1")
    return write(directory, Sweep("train", line, "val/miou", trials=tuple(trials)))


def write(directory, sweep):
    directory.mkdir(parents=True, exist_ok=True)
    write_sweep(directory, sweep)
    return sweep


def write_run(folder, choices, trial, rng):
    """What a run leaves that a sweep looks at."""
    (folder / ".hydra").mkdir(parents=True)
    overrides = [f"{key}={value}" for key, value in choices.items()]
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    last = trial.value if trial.value is not None else 0.1
    rows = ["step,train/loss,val/miou"]
    for step in range(9, 100, 10):
        score = last * (1 - math.exp(-step / 25)) + rng.gauss(0, 0.004)
        rows += [f"{step},{1 / (1 + step):.4f},", f"{step},,{score:.4f}"]
    (folder / "metrics.csv").write_text("\n".join(rows) + "\n")
    if trial.state == "finished":
        numbers = {"val/miou": last, "val/loss": 1 - last, "val/pixel_accuracy": last + 0.2}
        (folder / "metrics.json").write_text(json.dumps(numbers))
        (folder / "report.html").write_text("<!doctype html><title>a run</title>")
