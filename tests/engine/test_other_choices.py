"""Going on with other choices: a longer run goes on, all else is refused and leaves no trace."""

import shutil

import pytest
import torch

from seg.build.models import load_model
from seg.errors import DataError
from tests.conftest import seg
from tests.engine.conftest import RECIPE, assert_equal, checkpoint, curve

CONFIG, DATA = 2, 3
CONSTANT = (*RECIPE, "scheduler.power=0", "callbacks.gif=null", "logger=csv")


def content_of(run_dir):
    """Every file of a run, byte for byte; no other may be there."""
    return {
        path.relative_to(run_dir).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(run_dir.rglob("*"))
    }


def copied(run_dir, folder, *without):
    copy = folder / "run"
    shutil.copytree(run_dir, copy)
    for name in without:
        (copy / name).unlink()
    return copy


def refused(*line, cwd, parts):
    done = seg("train", *line, cwd=cwd)
    assert done.returncode == CONFIG, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) <= 6
    for part in parts:
        assert part in done.stderr
    return done


@pytest.mark.slow
@pytest.mark.parametrize("without", [(), ("finished.json", "metrics.json")], ids=["whole", "cut"])
def test_a_refusal_leaves_the_run_byte_for_byte(without, whole_run, tmp_path):
    run_dir = copied(whole_run, tmp_path, *without)
    before, resume = content_of(run_dir), f"resume={run_dir}"
    again = f"hydra.run.dir={run_dir}"
    for line, parts in (
        ((resume, "optimizer.lr=0.1", "trainer.max_epochs=3"), ["0.004", "0.1", "weights=RUN_DIR"]),
        ((resume, "trainer.max_epochs=1"), ["trainer.max_epochs", "not shorter"]),
        ((resume, "trainer.max_epochs=3", "extend=false"), ["extend=true goes on"]),
        ((*RECIPE, again, "resume=auto", "trainer.max_epochs=3"), ["extend=true stretches it"]),
        ((resume, "loader.batch_size=0"), ["loader.batch_size"]),
        ((*RECIPE, again), ["holds a run already", "resume=auto"]),
    ):
        refused(*line, cwd=tmp_path, parts=parts)
        assert content_of(run_dir) == before
    done = seg("train", resume, "dataset=folder", "dataset.root=/no/such", cwd=tmp_path)
    assert done.returncode in (CONFIG, 3)
    assert content_of(run_dir) == before
    if not without:
        done = seg("train", resume, "loader.num_workers=1", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"to train longer: resume={run_dir} trainer.max_epochs=N" in done.stdout
        assert f"weights={run_dir}" in done.stdout
        assert content_of(run_dir) == before


def test_an_evaluation_in_a_run_leaves_it_as_it_was(whole_run, tmp_path):
    run_dir = copied(whole_run, tmp_path)
    before = content_of(run_dir)
    done = seg("evaluate", f"checkpoint={run_dir}", f"hydra.run.dir={run_dir}", cwd=tmp_path)
    assert done.returncode == CONFIG
    assert "holds a run already" in done.stderr
    assert content_of(run_dir) == before


@pytest.mark.slow
def test_a_run_of_another_default_length_keeps_its_own(whole_run, tmp_path):
    run_dir = copied(whole_run, tmp_path, "finished.json", "metrics.json")
    overrides = run_dir / ".hydra" / "overrides.yaml"
    lines = overrides.read_text().splitlines(keepends=True)
    of_length = ("- trainer.max_epochs=2", "- trainer.check_val_every_n_epoch=1")
    overrides.write_text("".join(line for line in lines if not line.startswith(of_length)))
    assert len(overrides.read_text().splitlines()) == len(lines) - 2
    (run_dir / "checkpoints" / "last.ckpt").unlink()  # the best is of the first epoch, or the end
    done = seg("train", f"resume={run_dir}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert checkpoint(run_dir)["global_step"] == 6
    refused(f"resume={run_dir}", "trainer.max_steps=5", cwd=tmp_path, parts=["not shorter"])
    done = seg("train", f"resume={run_dir}", "trainer.max_steps=8", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert checkpoint(run_dir)["global_step"] == 8


@pytest.mark.slow
def test_a_longer_run_of_a_constant_rate_is_as_if_it_had_been_begun_so(tmp_path):
    for name, epochs in (("whole", 2), ("run", 1)):
        line = (*CONSTANT, f"trainer.max_epochs={epochs}", f"hydra.run.dir={tmp_path / name}")
        assert seg("train", *line, cwd=tmp_path).returncode == 0
    line = (*CONSTANT, "trainer.max_epochs=2", f"hydra.run.dir={tmp_path / 'run'}", "resume=auto")
    done = seg("train", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "extended from 3 to 6 steps" in done.stdout
    assert "stretched" not in done.stdout
    for name in ("last", "best"):
        ours, theirs = (checkpoint(tmp_path / run, name) for run in ("run", "whole"))
        for part in ("state_dict", "optimizer_states", "moving_average"):
            assert_equal(ours[part], theirs[part], part)
    assert curve(tmp_path / "run") == curve(tmp_path / "whole")


@pytest.mark.slow
def test_a_longer_run_of_a_polynomial_rises_again_and_says_so(whole_run, tmp_path):
    run_dir = copied(whole_run, tmp_path)
    done = seg("train", f"resume={run_dir}", "trainer.max_epochs=3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "extended from 6 to 9 steps: scheduler is stretched over all of them" in done.stdout
    assert checkpoint(run_dir)["global_step"] == 9
    assert (run_dir / "finished.json").exists()
    before = content_of(run_dir)
    done = seg("train", f"resume={run_dir}", cwd=tmp_path)  # what was chosen last is its own now
    assert done.returncode == 0, done.stderr
    assert "finished already" in done.stdout
    assert content_of(run_dir) == before
    refused(f"resume={run_dir}", "trainer.max_epochs=2", cwd=tmp_path, parts=["not shorter"])


def test_a_record_that_is_no_text_is_named(whole_run, tmp_path):
    run_dir = copied(whole_run, tmp_path)
    (run_dir / "config.yaml").write_bytes("trainer: ä".encode("utf-16"))
    before = content_of(run_dir)
    done = seg("train", f"resume={run_dir}", cwd=tmp_path)
    assert done.returncode == DATA
    assert "config.yaml: configuration is damaged" in done.stderr
    assert len(done.stderr.splitlines()) <= 6
    assert content_of(run_dir) == before


def test_a_record_that_was_cut_short_is_named_briefly(whole_run, tmp_path):
    run_dir = copied(whole_run, tmp_path)
    record = run_dir / "config.yaml"
    record.write_text("task: 1\n")
    before = content_of(run_dir)
    done = seg("train", f"resume={run_dir}", cwd=tmp_path)
    assert done.returncode == DATA
    assert "config.yaml: does not fit this version" in done.stderr
    assert "lines more" in done.stderr
    assert len(done.stderr.splitlines()) <= 6
    assert content_of(run_dir) == before


def test_a_checkpoint_of_integers_is_refused(whole_run, tmp_path):
    content = torch.load(whole_run / "checkpoints" / "best.ckpt", weights_only=True)
    state = content["state_dict"]
    name = next(name for name, tensor in state.items() if tensor.ndim == 4)
    state[name] = state[name].to(torch.int32)
    content["seg"].pop("sha256")
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(DataError, match=r"a\.ckpt: damaged: .* is torch\.int32, the network has"):
        load_model(tmp_path / "a.ckpt")
