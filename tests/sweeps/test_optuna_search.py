"""Sweeps that Optuna draws: the draws, kills at any moment, pruning, what a study has seen."""

import json
import re

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from seg.config.conf_dir import conf_dir
from seg.sweeps.optuna_search import OptunaSearch
from seg.sweeps.search_spaces import split
from seg.sweeps.trials import Trial, read_sweep
from tests.conftest import seg
from tests.sweeps.typed_sweeps import KILLED, TINY, outcomes

optuna = pytest.importorskip("optuna")

SPACES = (
    *("optimizer.lr=tag(log,interval(1e-4,1e-1))", "optimizer.momentum=0.0,0.9"),
    "seed=int(interval(0,9))",
)
DRAWN = ("hydra/sweeper=tpe", "hydra.sweeper.n_trials=4", "hydra.sweeper.startup_trials=2")
PRUNED = (
    *("hydra.sweeper.pruner=median", "hydra.sweeper.pruner_startup_trials=1"),
    *("hydra.sweeper.pruner_warmup=0", "trainer.max_epochs=2"),
)


def run(sweep_dir, *arguments, fault=None):
    line = ("-m", *TINY, *DRAWN, *SPACES, f"hydra.sweep.dir={sweep_dir}", *arguments)
    return seg("train", *line, cwd=sweep_dir.parent, fault=fault)


@pytest.fixture(scope="module")
def whole_sweep(tmp_path_factory):
    sweep_dir = tmp_path_factory.mktemp("drawn") / "sweep"
    done = run(sweep_dir, *PRUNED)
    assert done.returncode == 0, done.stderr
    return sweep_dir


def study_of(sweep_dir):
    return optuna.load_study(study_name="sweep", storage=f"sqlite:///{sweep_dir / 'optuna.db'}")


@pytest.mark.slow
def test_trials_and_study_tell_the_same(whole_sweep):
    trials = read_sweep(whole_sweep).trials
    states = [trial.state for trial in trials]
    assert states[0] == "finished"
    assert "pruned" in states, states
    for trial, seen in zip(trials, study_of(whole_sweep).trials, strict=True):
        assert 1e-4 <= float(trial.choices["optimizer.lr"]) <= 1e-1
        assert trial.choices["optimizer.momentum"] in ("0.0", "0.9")
        assert 0 <= int(trial.choices["seed"]) <= 9
        assert {key: str(value) for key, value in seen.params.items()} == dict(trial.choices)
        assert seen.state.name == {"finished": "COMPLETE", "pruned": "PRUNED"}[trial.state]
        last = seen.intermediate_values[max(seen.intermediate_values)]
        if trial.state == "pruned":
            assert trial.value == last
            assert not (whole_sweep / str(trial.number) / "metrics.json").exists()
        else:
            metrics = json.loads((whole_sweep / str(trial.number) / "metrics.json").read_text())
            assert seen.value == trial.value == metrics["val/miou"]
            assert list(seen.intermediate_values) == [1, 2]


@pytest.mark.slow
def test_a_sweep_that_is_killed_twice_ends_in_the_same_trials(whole_sweep, tmp_path):
    sweep_dir = tmp_path / "sweep"
    for fault in ("kill_at_sync:5", "kill_at_sync:16"):
        killed = run(sweep_dir, *PRUNED, "resume=auto", fault=fault)
        assert killed.returncode == KILLED, killed.stderr
    done = seg("train", f"resume={sweep_dir}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert outcomes(sweep_dir) == outcomes(whole_sweep)
    ours, theirs = study_of(sweep_dir).trials, study_of(whole_sweep).trials
    assert [each.intermediate_values for each in ours] == [
        each.intermediate_values for each in theirs
    ]


@pytest.mark.slow
def test_spaces_that_changed_are_refused(tmp_path):
    sweep_dir = tmp_path / "sweep"
    line = ("-m", *TINY, "hydra/sweeper=random", f"hydra.sweep.dir={sweep_dir}", "resume=auto")
    line += ("optimizer.lr=-2,-1", "hydra.sweeper.n_trials=1")
    assert seg("train", *line, cwd=tmp_path).returncode == 1  # the only trial fails
    done = seg("train", *line, "optimizer.momentum=0.1,0.2", cwd=tmp_path)
    assert done.returncode == 2
    assert "optimizer.momentum" in done.stderr
    assert f"resume={sweep_dir}" in done.stderr
    (study,) = study_of(sweep_dir).trials
    assert study.state.name == "RUNNING"  # so that it can be tried again


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["optimizer.lr=interval(1,0)"], "interval(LOW, HIGH)"),
        (["optimizer.lr=tag(log,interval(0,1))"], "above 0"),
        (["optimizer.lr=1e-3"], "nothing to draw"),
        (["seed=1,2", "hydra.sweeper.pruner=best"], "median, hyperband"),
    ],
)
def test_what_makes_no_sense(arguments, part, tmp_path):
    done = seg("train", "-m", *TINY, "hydra/sweeper=tpe", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert part in done.stderr


def search_of(*line):
    options = yaml.safe_load((conf_dir() / "hydra/sweeper/tpe.yaml").read_text())
    swept = split(OverridesParser.create().parse_overrides(list(line)))
    return OptunaSearch(swept.sweeps, {**options, "startup_trials": 2})


def test_a_study_with_former_names_goes_on_with_the_same_draws(tmp_path):
    """The third draw is the estimator's, which learns from both trials before it."""
    former = {"weak": "street_mild", "strong": "street_strong"}
    line = ("augmentation=weak,strong", "+param_groups.layer_decay=interval(0.5,0.9)")
    drawn = {}
    for name in ("now", "before"):
        (tmp_path / name).mkdir()
        search = search_of(*line)
        search.start(tmp_path / name, maximize=True, known=())
        if name == "now":
            for number, value in enumerate((0.3, 0.1)):
                search.ended(Trial(number, search.choices(number), "finished", value))
        for trial in study_of(tmp_path / "now").trials[:2] if name == "before" else ():
            option, decay = trial.params.values()
            space, interval = trial.distributions.values()
            space = type(space)([former[each] for each in space.choices])
            keys = ("augmentation", "+parameters.layer_decay")
            study_of(tmp_path / name).add_trial(
                optuna.trial.create_trial(
                    value=trial.value,
                    params=dict(zip(keys, (former[option], decay), strict=True)),
                    distributions=dict(zip(keys, (space, interval), strict=True)),
                )
            )
        search = search_of(*line)
        search.start(tmp_path / name, maximize=True, known=())
        drawn[name] = [search.choices(number) for number in range(4)]
    assert drawn["before"] == drawn["now"]
    assert set(drawn["now"][0]) == {"augmentation", "+param_groups.layer_decay"}


@pytest.mark.slow
def test_the_choice_that_a_message_allows_is_typed(tmp_path):
    line = ("-m", *TINY, "hydra/sweeper=tpe", "hydra.sweeper.n_trials=1", "seed=1,2")
    choices = ["dry_run=true", "hydra.sweeper.sampler=best", "hydra.sweeper.pruner=best"]
    for _ in range(2):
        done = seg("train", *line, *choices, cwd=tmp_path)
        assert done.returncode == 2
        key, allowed = re.search(r"error: ([\w.]+)=best; allowed: (\w+)", done.stderr).groups()
        choices = [each for each in choices if not each.startswith(f"{key}=")]
        choices.append(f"{key}={allowed}")
    done = seg("train", *line, *choices, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_score_that_a_message_allows_is_typed(tmp_path):
    line = ("-m", *TINY, *DRAWN[:1], *PRUNED[:1], "hydra.sweeper.n_trials=1", "seed=1,2")
    done = seg("train", *line, "callbacks.checkpoints.monitor=val/x", cwd=tmp_path)
    assert done.returncode == 1
    key, allowed = re.search(r": ([\w.]+)=val/x: .*; allowed: ([^\s,]+)", done.stderr).groups()
    assert allowed == "val/loss"  # those of single classes come last
    done = seg("train", *line, f"{key}={allowed}", "callbacks.checkpoints.mode=min", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
