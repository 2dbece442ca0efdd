"""`seg.train` in several processes, as it is typed: files, codes, words, machines, signals."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import torch
from PIL import Image

from tests.conftest import SMALL, seg

TWO = (
    *SMALL,
    *("trainer=ddp", "trainer.accelerator=cpu", "trainer.max_epochs=1"),
    *("trainer.check_val_every_n_epoch=1", "dataset.train_length=4", "dataset.val_length=3"),
    *("loader.batch_size=2", "logger=csv"),
)
CONFIG, DATA, DIVERGED = 2, 3, 4


def files_of(run) -> set[str]:
    return {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_sweep_of_two_processes_each_leaves_what_one_process_leaves(tmp_path):
    line = ["-m", *TWO, "optimizer.lr=1e-3,1e-2", f"hydra.sweep.dir={tmp_path / 'sweep'}"]
    done = seg("train", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("val mIoU") == 2 * 2, done.stdout  # a validation and the last line
    assert "torch" not in done.stderr, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sweep"]
    for job in ("0", "1"):
        run = tmp_path / "sweep" / job
        left = {name for name in files_of(run) if not name.startswith((".hydra", "examples/"))}
        assert left == {
            *("config.yaml", "metrics.csv", "metrics.json", "predictions.png", "train.log"),
            *("checkpoints/best.ckpt", "checkpoints/last.ckpt"),
            *("environment.json", "report.html", "learning.gif", "learning/000000001.png"),
            "finished.json",
            *("evaluation.json", "per_image.csv", "replicates.npz", "trial.json"),
        }
        assert json.loads((run / "metrics.json").read_text())["val/miou"] > 0
        # the second process trained this trial too: a sweep of its own would give other weights
        assert "2 processes end with the same weights" in (run / "train.log").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["dataset=camvid", "dataset.root=/no/such/folder"], DATA, ["/no/such/folder"]),
        (["trainer.strategy=fsdp"], CONFIG, ["strategy=fsdp", "ddp"]),
        (["trainer.num_nodes=2"], CONFIG, ["num_nodes=2", "NODE_RANK"]),
        (["trainer.devices=all"], CONFIG, ["devices=all: give a number"]),
        pytest.param(
            ["optimizer=sgd", "optimizer.lr=1e30", "dataset.train_length=16"],
            DIVERGED,
            ["loss is"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["dataset.val_length=1"],
            CONFIG,
            ["1 samples to score for 2 processes"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_words_and_the_code_of_a_process_that_fails(arguments, code, parts, tmp_path):
    given = [each for each in TWO if "camvid" not in arguments[0] or "dataset." not in each]
    done = seg("train", *given, *arguments, f"hydra.run.dir={tmp_path / 'run'}", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) <= 8, done.stderr
    assert lines[0].startswith("error: ")
    assert all(part in done.stderr for part in parts), done.stderr


@pytest.mark.slow
def test_a_sample_that_only_the_second_process_reads(tmp_path):
    root = tmp_path / "data"
    for split, count in (("train", 4), ("val", 2)):
        for index in range(count):
            for kind, mode in (("images", "RGB"), ("labels", "L")):
                path = root / kind / split / f"{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                image = Image.new(mode, (96, 64))
                image.paste(1 if mode == "L" else "white", (0, 0, 48, 64))  # two classes
                image.save(path)
    broken = root / "images" / "val" / "1.png"  # validation keeps the order: the second's
    broken.write_bytes(broken.read_bytes()[:60])
    line = [each for each in TWO if not each.startswith("dataset.")]
    (root / "classes.json").write_text('["a", "b"]')
    own = ["dataset=folder", f"dataset.root={root}"]
    done = seg("train", *line, *own, "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == DATA, done.stderr
    assert str(broken) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_machines_of_one_process_each_leave_one_run(tmp_path, free_port):
    line = [sys.executable, "-m", "seg.train", *TWO, "trainer.devices=1", "trainer.num_nodes=2"]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}
    machines = [
        subprocess.Popen(
            [*line, f"hydra.run.dir={tmp_path / 'run'}"],
            env={**os.environ, **meeting, "NODE_RANK": str(rank)},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    # the agent of a machine waits five minutes for one that has failed
    said = [machine.communicate(timeout=400) for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], said
    assert "val mIoU" in said[0][0]
    assert "val mIoU" not in said[1][0]
    assert {"config.yaml", "metrics.json", "checkpoints/best.ckpt"} <= files_of(tmp_path / "run")


def command_lines() -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["launcher", "group"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_every_process_and_saves(number, send, tmp_path):
    line = [sys.executable, "-m", "seg.train", *TWO, "trainer.max_epochs=10000"]
    line += ["loader.num_workers=1", "callbacks.checkpoints.every_n_steps=null"]
    run = tmp_path / "run"
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    started = subprocess.Popen(
        [*line, f"hydra.run.dir={run}"], cwd=tmp_path, start_new_session=True, **pipes
    )
    while not (run / "checkpoints" / "last.ckpt").exists():
        assert started.poll() is None, started.stderr.read()
        time.sleep(0.2)
    time.sleep(1)  # steps that no checkpoint holds
    send(started.pid, number)
    _, errors = started.communicate(timeout=120)
    assert started.returncode == 128 + number, errors
    assert "Traceback" not in errors
    assert not [line for line in command_lines() if str(run) in line]
    (step,) = {int(n) for n in re.findall(r"ended at step (\d+);", (run / "train.log").read_text())}
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    assert saved == step
