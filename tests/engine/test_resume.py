"""A run that was cut off goes on as if it had not been."""

import shutil

import pytest

from tests.conftest import seg
from tests.engine.conftest import RECIPE, assert_equal, assert_the_same, checkpoint

KILLED = -9
AFTER = "kill_at_sync:4"  # a few steps


def train(run_dir, *choices, fault=None):
    line = [*RECIPE, f"hydra.run.dir={run_dir}", "resume=auto", *choices]
    return seg("train", *line, cwd=run_dir.parent, fault=fault)


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults",
    [
        # in the midst of writing the 2nd, 3rd, ... file; with so many workers
        pytest.param(
            [("kill_at_sync:2", 0), ("kill_at_sync:3", 2), ("kill_at_sync:4", 1)],
            marks=pytest.mark.slow,
        ),
        [("kill_at_sync:6", 2), ("kill_at_sync:2", 0)],
    ],
    ids=["thrice", "twice"],
)
def test_killed_while_writing(faults, whole_run, tmp_path):
    run_dir = tmp_path / "run"
    for fault, num_workers in faults:
        done = train(run_dir, f"loader.num_workers={num_workers}", fault=fault)
        assert done.returncode == KILLED, done.stderr
    done = train(run_dir)
    assert done.returncode == 0, done.stderr
    assert "going on from step" in done.stdout
    assert_the_same(run_dir, whole_run)
    assert not list((run_dir / "checkpoints").glob(".*"))


@pytest.mark.slow
def test_a_damaged_last_checkpoint_is_passed_over(whole_run, tmp_path):
    run_dir = tmp_path / "run"
    done = train(run_dir, fault="kill_at_sync:8")  # two steps after a validation
    assert done.returncode == KILLED, done.stderr
    assert checkpoint(run_dir)["global_step"] > checkpoint(run_dir, "best")["global_step"]
    last = run_dir / "checkpoints" / "last.ckpt"
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    done = train(run_dir)
    assert done.returncode == 0, done.stderr
    assert "passed over" in done.stdout
    assert "last.ckpt: damaged" in done.stdout
    assert_the_same(run_dir, whole_run)


def test_killed_between_the_last_best_and_the_last(whole_run, tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(whole_run, run_dir)
    (run_dir / "metrics.json").unlink()
    shutil.copy(run_dir / "checkpoints" / "last.ckpt", run_dir / "checkpoints" / "best.ckpt")
    (run_dir / "checkpoints" / "last.ckpt").unlink()
    done = train(run_dir)
    assert done.returncode == 0, done.stderr
    newest = checkpoint(run_dir)
    assert newest["global_step"] == checkpoint(whole_run)["global_step"]
    assert_equal(newest["state_dict"], checkpoint(whole_run)["state_dict"], "last.ckpt")


@pytest.mark.slow
def test_the_same_command_finds_its_run_and_a_finished_one_stays(whole_run, tmp_path):
    line = [*RECIPE, "resume=auto"]
    done = seg("train", *line, cwd=tmp_path, fault="kill_at_sync:3")
    assert done.returncode == KILLED, done.stderr
    (run_dir,) = (tmp_path / "runs/train/streets").iterdir()
    done = seg("train", f"resume={run_dir}", cwd=tmp_path)  # takes the choices it was begun with
    assert done.returncode == 0, done.stderr
    assert_the_same(run_dir, whole_run)
    before = {path: path.stat().st_mtime_ns for path in run_dir.glob("checkpoints/*")}
    done = seg("train", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "finished already" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in run_dir.glob("checkpoints/*")} == before
    assert [path.name for path in (tmp_path / "runs/train/streets").iterdir()] == [run_dir.name]


def test_another_configuration_is_refused_with_both_sides(whole_run, tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(whole_run, run_dir)
    (run_dir / "metrics.json").unlink()
    before = (run_dir / "metrics.csv").read_text()
    done = train(run_dir, "optimizer.lr=0.1", "loss.label_smoothing=0.1")
    assert done.returncode == 2
    assert "optimizer.lr" in done.stderr
    assert "0.004" in done.stderr
    assert "0.1" in done.stderr
    assert "loss.label_smoothing" in done.stderr
    assert "weights=RUN_DIR" in done.stderr
    assert (run_dir / "metrics.csv").read_text() == before


@pytest.mark.slow
def test_another_number_of_processes_is_refused_or_shares_the_step_anew(tmp_path):
    run_dir = tmp_path / "run"
    killed = train(run_dir, "callbacks=default", "trainer.accumulate_grad_batches=1", fault=AFTER)
    assert killed.returncode == KILLED, killed.stderr
    line = ("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu", "trainer.max_epochs=2")
    line += ("trainer.accumulate_grad_batches=1", "trainer.check_val_every_n_epoch=1")
    line += ("callbacks=default", "callbacks.checkpoints.every_n_steps=1")
    done = train(run_dir, *line)
    assert done.returncode == 2
    assert "trainer.devices" in done.stderr
    assert "keep_global_batch_size=true" in done.stderr
    done = train(run_dir, *line, "keep_global_batch_size=true")
    assert done.returncode == 0, done.stderr
    assert "2 processes instead of 1: loader.batch_size=2 instead of 4" in done.stdout
    assert checkpoint(run_dir)["global_step"] == 12  # 24 samples by 4, twice


def test_no_run_to_go_on_with(tmp_path):
    done = seg("train", "resume=nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert "resume=nowhere: no run there" in done.stderr


def test_a_record_cannot_bring_settings_of_the_launcher(whole_run, tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(whole_run, run_dir)
    victim = tmp_path / "executed"
    hostile = f"++hydra.callbacks.x={{_target_: os.system, command: 'touch {victim}'}}"
    with (run_dir / ".hydra" / "overrides.yaml").open("a") as file:
        file.write(f'- "{hostile}"\n')
    done = seg("train", f"resume={run_dir}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not victim.exists()


LEFT = {
    *("config.yaml", "metrics.csv", "metrics.json", "evaluation.json", "per_image.csv"),
    *("replicates.npz", "predictions.png", "report.html", "environment.json", "finished.json"),
    *("checkpoints/best.ckpt", "checkpoints/last.ckpt", "learning.gif", "train.log"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("metrics.json", marks=pytest.mark.slow),
        "evaluation.json",
        pytest.param("predictions.png", marks=pytest.mark.slow),
        pytest.param("report.html", marks=pytest.mark.slow),
        "finished.json",
    ],
)
def test_what_lacks_at_the_end_is_made(name, whole_run, tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(whole_run, run_dir)
    for path in ("metrics.json", "report.html", "finished.json"):
        (run_dir / path).unlink()
    full = name in ("evaluation.json", "predictions.png")
    cut = f"{'no_room_for' if full else 'kill_before'}:{name}"
    done = train(run_dir, fault=cut)
    assert done.returncode == (KILLED if cut.startswith("kill") else 6), done.stderr
    assert not (run_dir / "finished.json").exists()
    done = train(run_dir)
    assert done.returncode == 0, done.stderr
    assert ("finished already" in done.stdout) == (name == "finished.json")  # all else was there
    there = {path.relative_to(run_dir).as_posix() for path in run_dir.rglob("*")}
    assert there >= LEFT
    assert not [each for each in there if ".staged." in each or each.endswith((".lock", ".next"))]
    assert_the_same(run_dir, whole_run)
