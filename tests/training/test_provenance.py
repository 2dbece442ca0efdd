"""Where a run was computed and what became of it is on record, and stays so when it goes on."""

import json
import platform
import signal
import subprocess

import pytest
import torch

from seg.training.provenance import record_session
from tests.conftest import SMALL, seg

LINE = (*SMALL, "hydra.run.dir=run")


class Trainer:
    """As much of a trainer as the record asks for; Lightning's own is in the tests below."""

    is_global_zero, world_size, global_step = True, 1, 7

    class strategy:  # noqa: N801
        root_device = torch.device("cpu")


def recorded(folder):
    return json.loads((folder / "environment.json").read_text())


def test_a_training_records_itself(small_run):
    content = recorded(small_run)
    (session,) = content["sessions"]
    assert session["python"] == platform.python_version()
    assert session["libraries"]["torch"] == torch.__version__
    assert session["cores"] >= 1 and session["accelerator"] == "cpu" and session["gpus"] == []
    assert f"hydra.run.dir={small_run}" in session["command"]
    assert [(each["event"], each["step"]) for each in content["history"]] == [
        ("begun", 0),
        ("finished", 8),
    ]


@pytest.mark.slow
def test_interrupted_and_resumed(tmp_path):
    first = seg("train", *LINE, cwd=tmp_path, fault="signal_at:SIGTERM:training_step:6")
    assert first.returncode == 128 + signal.SIGTERM, first.stderr
    second = seg("train", "resume=run", cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    content = recorded(tmp_path / "run")
    assert len(content["sessions"]) == 2
    assert [(each["event"], each["step"]) for each in content["history"]] == [
        ("begun", 0),
        ("interrupted", 6),
        ("resumed", 6),
        ("finished", 8),
    ]


@pytest.mark.parametrize(
    ("error", "event"), [(SystemExit(143), "interrupted"), (ValueError("x"), "failed")]
)
def test_other_ends(error, event, tmp_path):
    (tmp_path / "environment.json").write_text("{damaged")
    with pytest.raises(type(error)), record_session(Trainer(), tmp_path, from_step=3):
        raise error
    history = recorded(tmp_path)["history"]
    assert [(each["event"], each["step"]) for each in history] == [("resumed", 3), (event, 7)]


def test_other_processes_write_nothing(tmp_path):
    trainer = Trainer()
    trainer.is_global_zero = False
    with record_session(trainer, tmp_path, from_step=None):
        pass
    assert not list(tmp_path.iterdir())


def test_a_record_that_cannot_be_written_ends_no_run(tmp_path, caplog):
    (tmp_path / "environment.json").mkdir()
    with record_session(Trainer(), tmp_path, from_step=None):
        pass
    assert "not written" in caplog.text


def test_git_state_of_the_working_directory(tmp_path, monkeypatch):
    def git(*arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-b", "trunk")
    (tmp_path / "notes.txt").write_text("one\n")
    git("add", ".")
    git("commit", "-m", "first")
    (tmp_path / "notes.txt").write_text("one\ntwo\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["seg.train", "logger=x", "uri=http://me:secret@host/a b"])
    with record_session(Trainer(), tmp_path / "run", from_step=None):
        pass
    (session,) = recorded(tmp_path / "run")["sessions"]
    state = next(each for each in session["git"] if each["what"] == "working directory")
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert state["commit"] == head.stdout.strip()
    assert state["branch"] == "trunk" and state["dirty"] is True
    assert "notes.txt" in state["diff"][0] and "1 insertion" in state["diff"][-1]
    assert session["command"] == "seg.train logger=x 'uri=http://***@host/a b'"
