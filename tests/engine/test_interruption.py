"""A process that is told to end saves first, and the run goes on without a difference."""

import pytest

from tests.conftest import seg
from tests.engine.conftest import RECIPE, assert_the_same, checkpoint, curve


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "code", "step"),
    [
        ("SIGTERM:training_step:3", 143, 2),  # the first batch of step 2
        # a validation follows this step
        pytest.param("SIGINT:training_step:6", 130, 3, marks=pytest.mark.slow),
        pytest.param("SIGUSR1:validation_step:2", 143, 3, marks=pytest.mark.slow),
    ],
)
def test_saves_and_goes_on(moment, code, step, whole_run, tmp_path):
    run_dir = tmp_path / "run"
    line = [*RECIPE, f"hydra.run.dir={run_dir}", "callbacks.checkpoints.every_n_steps=null"]
    done = seg("train", *line, cwd=tmp_path, fault=f"signal_at:{moment}")
    assert done.returncode == code, done.stderr
    assert checkpoint(run_dir)["global_step"] == step
    told = done.stdout + done.stderr
    assert f"ended at step {step}; resume={run_dir} goes on" in told
    assert "Traceback" not in told
    done = seg("train", f"resume={run_dir}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_the_same(run_dir, whole_run)
    assert curve(run_dir) == curve(whole_run)


def test_in_the_sanity_check(tmp_path):
    line = [*RECIPE, "trainer.num_sanity_val_steps=2", f"hydra.run.dir={tmp_path / 'run'}"]
    done = seg("train", *line, cwd=tmp_path, fault="signal_at:SIGTERM:validation_step:1")
    assert done.returncode == 143, done.stderr
    assert not list(tmp_path.glob("run/checkpoints/*"))


def test_a_second_signal_ends_at_once(tmp_path):
    line = [*RECIPE, f"hydra.run.dir={tmp_path / 'run'}"]
    done = seg("train", *line, cwd=tmp_path, fault="two_signals_at:SIGTERM:training_step:1")
    assert done.returncode == 143, done.stderr
    assert not list(tmp_path.glob("run/checkpoints/*"))


def test_a_trial_saves_where_its_group_and_its_sweep_end_at_once(tmp_path):
    line = [*RECIPE, f"hydra.run.dir={tmp_path / 'run'}"]
    fault = "two_signals_at_in_a_trial:SIGTERM:training_step:2"
    done = seg("train", *line, cwd=tmp_path, fault=fault)
    assert done.returncode == 143, done.stderr
    assert (tmp_path / "run/checkpoints/last.ckpt").exists()


@pytest.mark.parametrize(
    ("moment", "code", "step"),
    [
        ("SIGTERM:training_step:3", 143, 2),
        pytest.param("SIGINT:training_step:3", 130, 2, marks=pytest.mark.slow),
        pytest.param("SIGTERM:validation_step:1", 143, 3, marks=pytest.mark.slow),
    ],
)
def test_a_signal_to_the_process_group_saves_too(moment, code, step, tmp_path):
    run_dir = tmp_path / "run"
    line = [*RECIPE, "loader.num_workers=2", f"hydra.run.dir={run_dir}"]
    done = seg("train", *line, cwd=tmp_path, fault=f"group_signal_at:{moment}")
    assert done.returncode == code, done.stderr
    assert checkpoint(run_dir)["global_step"] == step
    assert "worker" not in done.stdout + done.stderr
