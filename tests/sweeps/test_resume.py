"""`resume=` of a sweep on a command line."""

import pytest

from seg.config.cli_overrides import is_multirun
from seg.config.resume_overrides import with_run_directory
from seg.errors import ConfigError
from seg.sweeps.resume import with_sweep_directory
from seg.sweeps.trials import Sweep, write_sweep

LINE = ("optimizer.lr=1e-3,1e-2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=3")


@pytest.fixture
def sweep_dir(tmp_path):
    folder = tmp_path / "runs" / "train" / "sweeps" / "x"
    folder.mkdir(parents=True)
    write_sweep(folder, Sweep("train", (*LINE, "hydra.sweep.dir=elsewhere"), "val/miou"))
    return folder


def test_the_line_that_began_it(sweep_dir):
    found = with_sweep_directory([f"resume={sweep_dir}", "trainer.accelerator=cpu"], "train")
    assert found == [
        *("-m", *LINE, "trainer.accelerator=cpu", "resume=auto", f"hydra.sweep.dir={sweep_dir}")
    ]


def test_another_command_is_refused(sweep_dir):
    with pytest.raises(ConfigError, match=r"a sweep of python -m seg.train"):
        with_sweep_directory([f"resume={sweep_dir}"], "pretrain")


def test_auto_finds_the_newest_of_the_same_line(sweep_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = ["-m", *LINE, "resume=auto"]
    found = with_sweep_directory(line, "train")
    assert found == [*line, f"hydra.sweep.dir={sweep_dir.relative_to(tmp_path)}"]
    other = ["-m", *LINE[:-1], "seed=4", "resume=auto"]
    assert with_sweep_directory(other, "train") == other
    placed = [*line, "hydra.sweep.dir=here"]
    assert with_sweep_directory(placed, "train") == placed


@pytest.mark.parametrize("line", [["resume=auto"], ["resume=null"], ["a=1"], ["-m", "a=1,2"]])
def test_other_lines_stay(line):
    assert with_sweep_directory(line, "train") == line


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
        with_sweep_directory([f"resume={sweep_dir}"], "train")
    line = with_sweep_directory([f"resume={sweep_dir}", hostile], "train")
    assert line == ["-m", *LINE, hostile, "resume=auto", f"hydra.sweep.dir={sweep_dir}"]


@pytest.mark.parametrize(
    "plain", ["hydra.sweeper.params.seed='1,2'", "hydra.launcher.partition=gpu-long"]
)
def test_a_record_brings_settings_of_a_sweep_that_are_plain(plain, sweep_dir):
    write_sweep(sweep_dir, Sweep("train", (*LINE, plain), "val/miou"))
    line = with_sweep_directory([f"resume={sweep_dir}"], "train")
    assert line == ["-m", *LINE, plain, "resume=auto", f"hydra.sweep.dir={sweep_dir}"]


def test_one_trial_goes_on_alone(tmp_path):
    run_dir = tmp_path / "3"
    (run_dir / ".hydra").mkdir(parents=True)
    (run_dir / "config.yaml").write_text("{}")
    choices = ["sweep=learning_rate", "optimizer.lr=0.01", "_trial={number:3}", "resume=auto"]
    (run_dir / ".hydra" / "overrides.yaml").write_text("".join(f"- {each}\n" for each in choices))
    line = [f"resume={run_dir}"]
    assert with_sweep_directory(line, "train") == line
    found = with_run_directory(line, "train")
    assert found == [*choices[:2], *line, "hydra.mode=RUN", f"hydra.run.dir={run_dir}"]
    assert not is_multirun(found)
