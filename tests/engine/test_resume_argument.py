"""`resume=` on a command line: of a run, of a sweep, and the length that a run records."""

import os

import pytest
import yaml

from seg.config.cli_overrides import is_multirun
from seg.engine.resume_argument import expand_resume, with_recorded_length
from seg.errors import ConfigError
from seg.sweeps.trials import Sweep, write_sweep

KEYS = ("max_epochs", "max_steps", "check_val_every_n_epoch", "val_check_interval")
NOW = (-1, 2000, None, 200)
OLD = (11, -1, 4, None)  # of a run that was begun when own data had epochs
STEPS = (-1, 2000, None, 200)
BOTH = (11, 50, 4, None)
LINE = ("optimizer.lr=1e-3,1e-2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=3")


@pytest.fixture
def sweep_dir(tmp_path):
    folder = tmp_path / "runs" / "train" / "sweeps" / "x"
    folder.mkdir(parents=True)
    write_sweep(folder, Sweep("train", (*LINE, "hydra.sweep.dir=elsewhere"), "val/miou"))
    return folder


def test_the_line_that_began_it(sweep_dir):
    found = expand_resume([f"resume={sweep_dir}", "trainer.accelerator=cpu"], "train")
    assert found == [
        *("-m", *LINE, "trainer.accelerator=cpu", "resume=auto", f"hydra.sweep.dir={sweep_dir}")
    ]


def test_another_command_is_refused(sweep_dir):
    with pytest.raises(ConfigError, match=r"a sweep of python -m seg.train"):
        expand_resume([f"resume={sweep_dir}"], "pretrain")


def test_auto_finds_the_newest_of_the_same_line(sweep_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = ["-m", *LINE, "resume=auto"]
    found = expand_resume(line, "train")
    assert found == [*line, f"hydra.sweep.dir={sweep_dir.relative_to(tmp_path)}"]
    other = ["-m", *LINE[:-1], "seed=4", "resume=auto"]
    assert expand_resume(other, "train") == other
    placed = [*line, "hydra.sweep.dir=here"]
    assert expand_resume(placed, "train") == placed


@pytest.mark.parametrize("line", [["resume=auto"], ["resume=null"], ["a=1"], ["-m", "a=1,2"]])
def test_other_lines_stay(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert expand_resume(line, "train") == line


@pytest.mark.parametrize(
    "hostile",
    [
        "hydra.callbacks.x={_target_: os.system, command: touch x}",
        "++hydra.callbacks.x={_target_: os.system, command: touch x}",
        "hydra.launcher.setup=[touch x]",
        "hydra.launcher.python=/tmp/x",
        "hydra.sweeper._target_=os.system",
        "hydra.sweeper.params.a={_target_: os.system}",
        "hydra.sweeper.params.experiment=../../tmp/x",
        "hydra.sweeper.params.encoder._target_=os.system",
        "hydra.sweeper.params.loss='{_target_: os.system}'",
        "hydra.sweeper.params.hydra.launcher.python=x",
        "hydra.launcher.partition=gpu long",
        "hydra.verbose=true",
        "hydra.job_logging.handlers.file.filename=/etc/x",
        "--config-dir=/tmp/x",
        "-cd=/tmp/x",
    ],
)
def test_a_record_cannot_bring_what_may_be_commands_unless_typed(hostile, sweep_dir):
    write_sweep(sweep_dir, Sweep("train", (*LINE, hostile), "val/miou"))
    with pytest.raises(ConfigError, match="type this choice again beside resume"):
        expand_resume([f"resume={sweep_dir}"], "train")
    line = expand_resume([f"resume={sweep_dir}", hostile], "train")
    assert line == ["-m", *LINE, hostile, "resume=auto", f"hydra.sweep.dir={sweep_dir}"]


@pytest.mark.parametrize(
    "plain", ["hydra.sweeper.params.seed='1,2'", "hydra.launcher.partition=gpu-long"]
)
def test_a_record_brings_settings_of_a_sweep_that_are_plain(plain, sweep_dir):
    write_sweep(sweep_dir, Sweep("train", (*LINE, plain), "val/miou"))
    line = expand_resume([f"resume={sweep_dir}"], "train")
    assert line == ["-m", *LINE, plain, "resume=auto", f"hydra.sweep.dir={sweep_dir}"]


def test_one_trial_goes_on_alone(tmp_path):
    run_dir = tmp_path / "3"
    (run_dir / ".hydra").mkdir(parents=True)
    (run_dir / "config.yaml").write_text("{}")
    choices = ["sweep=learning_rate", "optimizer.lr=0.01", "_trial={number:3}", "resume=auto"]
    (run_dir / ".hydra" / "overrides.yaml").write_text("".join(f"- {each}\n" for each in choices))
    line = [f"resume={run_dir}"]
    found = expand_resume(line, "train")
    assert found == [*choices[:2], *line, "hydra.mode=RUN", f"hydra.run.dir={run_dir}"]
    assert not is_multirun(found)


def begun(directory, record, when):
    """The directory of a run with this text as the record of its choices."""
    (directory / ".hydra").mkdir(parents=True)
    (directory / ".hydra/overrides.yaml").write_text(record)
    (directory / "config.yaml").write_text("{}")
    os.utime(directory / "config.yaml", (when, when))
    return directory


DAMAGED = "[seed=3"


def test_auto_passes_over_a_run_that_cannot_be_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    line = ["seed=3", "resume=auto"]
    begun(tmp_path / "runs/train/x/1", "[seed=4]", 1)
    run_dir = begun(tmp_path / "runs/train/x/2", "[seed=3]", 2)
    begun(tmp_path / "runs/train/x/3", DAMAGED, 3)
    found = expand_resume(line, "train")
    assert found == [*line, f"hydra.run.dir={run_dir.relative_to(tmp_path)}"]
    warning = capsys.readouterr().err
    assert "warning: resume=auto passes over runs/train/x/3/.hydra/overrides.yaml" in warning
    begun(tmp_path / "runs/train/x/4", "[seed=3]", 4)  # newer than what is damaged: no matter
    assert expand_resume(line, "train")[-1] == "hydra.run.dir=runs/train/x/4"
    assert capsys.readouterr().err == ""


def test_a_run_that_cannot_be_read_may_be_the_only_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_dir = begun(tmp_path / "runs/train/x/1", DAMAGED, 1)
    with pytest.raises(ConfigError) as caught:
        expand_resume(["seed=3", "resume=auto"], "train")
    message = str(caught.value)
    assert message.startswith(
        "resume=auto: runs/train/x/1/.hydra/overrides.yaml: record is damaged"
    )
    assert "hydra.run.dir=RUN_DIR resume=auto\n" in message
    assert message.endswith("leave resume=auto out")
    for line in ([f"resume={run_dir}"], [f"resume={run_dir}", "seed=3"]):
        with pytest.raises(ConfigError, match=r"^\S+/1/.hydra/overrides\.yaml: record is damaged"):
            expand_resume(line, "train")
    placed = ["seed=3", "resume=auto", f"hydra.run.dir={run_dir}"]
    assert expand_resume(placed, "train") == placed


def test_auto_passes_over_a_sweep_that_cannot_be_read(sweep_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    damaged = sweep_dir.parent / "y" / "trials.json"
    damaged.parent.mkdir()
    damaged.write_text("{")
    os.utime(sweep_dir / "trials.json", (1, 1))
    line = ["-m", *LINE, "resume=auto"]
    assert expand_resume(line, "train")[-1] == "hydra.sweep.dir=runs/train/sweeps/x"
    assert (
        "warning: resume=auto passes over runs/train/sweeps/y/trials.json"
        in capsys.readouterr().err
    )
    with pytest.raises(ConfigError, match=r"^resume=auto: runs/train/sweeps/y/trials\.json"):
        expand_resume(["-m", "seed=1,2", "resume=auto"], "train")


def lengths(tmp_path, recorded, before, now, composed=NOW):
    trainer = dict(zip(KEYS, recorded, strict=True))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"trainer": trainer}))
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(before))
    plain = {"resume": "auto", "trainer": {**dict(zip(KEYS, composed, strict=True)), "devices": 1}}
    found = with_recorded_length(plain, tmp_path, now)["trainer"]
    assert found["devices"] == 1
    return tuple(found[key] for key in KEYS)


@pytest.mark.parametrize(
    "case",
    [
        (OLD, ["dataset=folder"], ["dataset=folder"], NOW, OLD),
        (BOTH, ["trainer.max_steps=50"], ["trainer.max_steps=50"], (-1, 50, None, 5), BOTH),
        # longer by the number that counts, or by the other one: the interval stays
        (STEPS, [], ["trainer.max_steps=3000"], (-1, 3000, None, 300), (-1, 3000, None, 200)),
        (STEPS, [], ["trainer.max_epochs=90"], (90, -1, 9, None), (90, -1, None, 200)),
        (OLD, [], ["trainer.max_steps=3000"], (-1, 3000, None, 300), (-1, 3000, 4, None)),
        (OLD, [], ["trainer.max_epochs=20"], (20, -1, 2, None), (20, -1, 4, None)),
        # another distance of validations, another recipe, a choice that is dropped
        (OLD, [], ["trainer.check_val_every_n_epoch=1"], (-1, 2000, 1, None), (11, -1, 1, None)),
        (OLD, [], ["trainer=cityscapes_90k"], (-1, 90000, None, 2500), (-1, 90000, None, 2500)),
        ((3, -1, 4, None), ["trainer.max_epochs=3"], [], NOW, NOW),
    ],
)
def test_of_what_is_recorded_and_what_is_chosen(case, tmp_path):
    recorded, before, now, composed, expected = case
    assert lengths(tmp_path, recorded, before, now, composed) == expected


def test_a_record_with_auto_stands_for_its_numbers(tmp_path):
    auto = ("auto", "auto", "auto", "auto")
    assert lengths(tmp_path, auto, [], [], NOW) == OLD  # no dataset in it that counts steps


@pytest.mark.parametrize("text", ["[", "a: 1\n", ""])
def test_a_record_that_says_nothing_changes_nothing(text, tmp_path):
    (tmp_path / "config.yaml").write_text(text)
    plain = {"resume": "auto", "trainer": {"max_epochs": 1}}
    assert with_recorded_length(plain, tmp_path, []) == plain


def test_a_run_that_is_not_resumed_has_the_length_of_today(tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"trainer": {"max_epochs": 7}}))
    plain = {"resume": None, "trainer": {"max_epochs": 1}}
    assert with_recorded_length(plain, tmp_path, []) == plain
