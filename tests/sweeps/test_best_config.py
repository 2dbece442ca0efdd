"""The winner's file gives the configuration of the winning trial."""

import json
import shlex

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from seg.config.conf_dir import conf_dir
from seg.sweeps.best_config import winner_of, write_winner
from seg.sweeps.trials import Sweep, Trial, read_sweep
from tests.conftest import seg
from tests.sweeps.typed_sweeps import run

ODD = [
    [
        *("optimizer.lr=3e-3", "seed=7", "weights='#: {x}'", "encoder.weights='2024'"),
        *('++labels.merge={vehicle: [car, truck], 7: ["a: b"]}', "labels.keep=[]"),
        *("augmentation.crop=${dataset.size}", "+trainer.overfit_batches=0.5"),
        *("+encoder.new={a: {b: null}}", "dataset.cache='1e-3'", "resume='x y'"),
    ],
    [
        *("encoder=resnet50", "loss=focal", "loss.gamma=1.5", "logger=csv", "aux_head=fcn"),
        *("dataset=camvid", "dataset.root='/data/my pictures (1)/it\\'s, \"here\"'"),
        *("semi_supervised=mean_teacher", "callbacks=ema"),
    ],
    ["dataset=cityscapes", "dataset.root=x", "experiment=cityscapes_xception71"],
    [
        *("~callbacks.progress", "~logger", "augmentation.transforms.1.p=0.25"),
        *("nan_policy={lr_factor: 0.25}", "channels_last=false"),
    ],
    [
        *("sweep=learning_rate", "hydra.run.dir=elsewhere", "hydra/launcher=basic", "_trial=null"),
        *("optimizer.lr=0.02", "trainer.accelerator=cpu"),
    ],
]
ODD_RECIPES = [
    ["experiment=camvid_cpu", "optimizer.lr=1e-2", "encoder=aligned_xception_tiny"],
    ["dataset=cityscapes", "dataset.root=x", "decoder=deeplabv3plus_small", "trainer.max_steps=5"],
]
ODD_PRETRAINING = [
    [
        *("pretraining=street_objects_micro", "optimizer.lr=1e-3", "mixup=cutmix_mixup"),
        *("head=mlp", "seed=3"),
    ],
]
LEFT_OUT = {"resume", "_trial"}


def composed(command, overrides):
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = OmegaConf.to_container(compose(command, overrides), resolve=False)
    return {key: value for key, value in config.items() if key not in LEFT_OUT}


def typed(winner):
    """The overrides of the command, Hydra's `--config-dir` as the search path that it adds."""
    words = shlex.split(winner.command)
    place = words.index("--config-dir")
    return [f"hydra.searchpath=['file://{words[place + 1]}']", *words[place + 2 :]]


def left(directory, command, overrides, *, recorded):
    """A winner that was told `overrides`, by its own record or by the sweep's line."""
    line = () if recorded else ("--config-dir", "x", *overrides[:-1], "-m", "hydra/sweeper=grid")
    if recorded:
        (directory / "0/.hydra").mkdir(parents=True)
        (directory / "0/.hydra/overrides.yaml").write_text(yaml.safe_dump(overrides))
    key, _, value = overrides[-1].partition("=")
    choices = {} if recorded or key.startswith("~") else {key: value}
    trial = Trial(0, choices, "finished", 0.5)
    found = winner_of(directory, Sweep(command, line, "val/miou", trials=(trial,)), trial)
    write_winner(directory, found)
    return found


@pytest.mark.parametrize("recorded", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("command", "overrides"),
    [
        *(("train", each) for each in ODD),
        *(pytest.param("train", each, marks=pytest.mark.slow) for each in ODD_RECIPES),
        *(("pretrain", each) for each in ODD_PRETRAINING),
    ],
)
def test_whatever_was_told_is_said_again(tmp_path, command, overrides, recorded):
    found = left(tmp_path, command, overrides, recorded=recorded)
    again = composed(command, typed(found))
    assert again == composed(command, overrides)


def test_only_what_no_file_can_say_is_in_the_command(tmp_path):
    overrides = ["~callbacks.progress", "optimizer.lr=1", "augmentation.transforms.1.p=0.25"]
    found = left(tmp_path, "train", overrides, recorded=True)
    words = shlex.split(found.command)[5:]
    assert words == ["experiment=winner", "~callbacks.progress", "augmentation.transforms.1.p=0.25"]


def test_a_sweep_that_sets_more_than_its_search_is_kept_but_begins_none(tmp_path, monkeypatch):
    """As `conf` has no such file, one is put beside copies of its groups."""
    conf = tmp_path / "conf"
    conf.mkdir()
    for entry in conf_dir().iterdir():
        if entry.name != "sweep":
            (conf / entry.name).symlink_to(entry)
    (conf / "sweep").mkdir()
    (conf / "sweep/long.yaml").write_text(
        "# @package _global_\ndefaults:\n- override /loss: focal\n- override /hydra/sweeper: grid\n"
        "hydra:\n  mode: MULTIRUN\n  sweeper:\n    params: {seed: '0,1'}\nloss: {gamma: 3}\n"
        "trainer: {max_epochs: 77}\n"
    )
    for module in (f"{__name__}", "seg.sweeps.best_config", "seg.config.conf_dir"):
        monkeypatch.setattr(f"{module}.conf_dir", lambda: conf)
    overrides = ["sweep=long", "trainer.max_epochs=5", "seed=1"]
    found = left(tmp_path / "sweep", "train", overrides, recorded=True)
    again = composed("train", typed(found))
    assert again == composed("train", overrides)
    assert (again["loss"]["gamma"], again["trainer"]["max_epochs"]) == (3, 5)
    with initialize_config_dir(str(conf), version_base="1.3"):
        mode = compose("train", typed(found), return_hydra_config=True).hydra.mode
    assert mode.name == "RUN"


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A real sweep of two tiny trainings."""
    sweep_dir = tmp_path_factory.mktemp("winner") / "the sweep"
    done = run(sweep_dir, "optimizer.lr=1e-3,3e-3", "seed=3", "~callbacks.progress")
    assert done.returncode == 0, done.stderr
    return sweep_dir, done.stdout


def config_of(run_dir):
    return yaml.safe_load((run_dir / "config.yaml").read_text())


@pytest.mark.slow
def test_the_command_that_is_told_runs_the_winner_again(swept, tmp_path):
    sweep_dir, told = swept
    command = told.split("the winner again: ")[1].splitlines()[0]
    words = shlex.split(command)
    assert words[:4] == ["python", "-m", "seg.train", "--config-dir"]
    assert words[5:] == ["experiment=winner", "~callbacks.progress"]
    done = seg("train", *words[3:], f"hydra.run.dir={tmp_path}/again", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    best = read_sweep(sweep_dir).ranked()[0]
    assert config_of(tmp_path / "again") == config_of(sweep_dir / str(best.number))
    metrics = json.loads((tmp_path / "again/metrics.json").read_text())
    assert metrics["val/miou"] == pytest.approx(best.value, abs=1e-6)


@pytest.mark.slow
def test_a_sweep_over_its_own_winner_has_one_too(swept, tmp_path):
    """An experiment that is not in `conf` is written out whole."""
    sweep_dir, _ = swept
    words = ("-m", "--config-dir", str(sweep_dir), "experiment=winner", "optimizer.lr=2e-3,4e-3")
    done = seg("train", *words, f"hydra.sweep.dir={tmp_path}/second", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    best = read_sweep(tmp_path / "second").ranked()[0]
    line = shlex.split(done.stdout.split("the winner again: ")[1].splitlines()[0])
    dry = seg("train", *line[3:], "--cfg", "job", "--resolve", cwd=tmp_path)
    assert dry.returncode == 0, dry.stderr
    assert yaml.safe_load(dry.stdout) == config_of(tmp_path / "second" / str(best.number))


def test_the_plus_is_no_way_to_name_the_winner(swept):
    sweep_dir, _ = swept
    done = seg("train", "--config-dir", str(sweep_dir), "+experiment=winner", cwd=sweep_dir.parent)
    assert done.returncode == 2 and "experiment" in done.stderr


def test_tables_and_page_lie_in_the_sweeps_directory(swept):
    sweep_dir, told = swept
    assert f"leaderboard: {sweep_dir / 'leaderboard.csv'}" in told
    html = (sweep_dir / "report.html").read_text()
    assert 'href="0/report.html"' in html and "optimizer.lr=1e-3,3e-3" in html
    assert "best: trial" in told


@pytest.mark.slow
def test_the_winner_of_pretraining_runs_again(tmp_path):
    small = (
        "classification_dataset.train_length=32",
        "classification_dataset.val_length=16",
        "logger=csv",
    )
    small += ("trainer.max_epochs=1", "trainer.accelerator=cpu", "loader.num_workers=0")
    small += ("encoder=aligned_xception_micro", "loader.batch_size=8")
    line = ("-m", *small, "optimizer.lr=1e-3,2e-3", f"hydra.sweep.dir={tmp_path}/sweep")
    done = seg("pretrain", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    words = shlex.split(done.stdout.split("the winner again: ")[1].splitlines()[0])
    assert words[-1] == "pretraining=winner"
    again = seg("pretrain", *words[3:], f"hydra.run.dir={tmp_path}/again", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    best = read_sweep(tmp_path / "sweep").ranked()[0]
    assert config_of(tmp_path / "again") == config_of(tmp_path / "sweep" / str(best.number))
