"""Pretrain, be killed, go on, report, and train a segmenter from the result."""

import csv
import json
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file

from seg.errors import DataError
from seg.models.encoders import create_encoder
from seg.models.weights import load_weights
from seg.training.checkpoint import read_checkpoint, read_state
from tests.conftest import SMALL, seg
from tests.engine.conftest import assert_equal

ENCODER = "aligned_xception_micro"
LINE = (
    *(
        f"encoder={ENCODER}",
        "classification_dataset.size=32",
        "classification_augmentation.size=32",
    ),
    *("classification_dataset.train_length=24", "classification_dataset.val_length=16"),
    *("loader.batch_size=4", "loader.num_workers=0", "trainer.accumulate_grad_batches=2"),
    *("trainer.max_epochs=2", "trainer.check_val_every_n_epoch=1", "trainer.accelerator=cpu"),
    *("trainer.log_every_n_steps=1", "callbacks=classification_ema"),
    *("callbacks.averaging.decay=0.9", "callbacks.checkpoints.every_n_steps=1"),
    *("mixup=cutmix_mixup", "logger=csv"),
)
KILLED = -9
# What is written once training has ended, in order.
END = (
    *("predictions.png", "encoder.safetensors", "encoder.json", "metrics.json"),
    *("report.html", "finished.json"),
)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrained")
    done = seg("pretrain", *LINE, f"hydra.run.dir={folder / 'run'}", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "val top-1" in done.stdout
    return folder / "run"


def numbers(run):
    return json.loads((run / "metrics.json").read_text())


def checkpoint(run, name):
    return torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)


def test_the_run_directory_is_complete(whole_run):
    found = {path.relative_to(whole_run).as_posix() for path in whole_run.rglob("*")}
    wanted = ("config.yaml", "checkpoints/best.ckpt", "checkpoints/last.ckpt", "metrics.csv")
    wanted += ("metrics.json", "encoder.safetensors", "encoder.json", "predictions.png")
    assert {*wanted, "report.html", "environment.json"} <= found
    scores = numbers(whole_run)
    assert {"val/top1", "val/top5", "val/loss", "training_s", "evaluation_s"} == set(scores)
    with (whole_run / "metrics.csv").open() as file:
        curve = [float(row["val/top1"]) for row in csv.DictReader(file) if row["val/top1"]]
    assert scores["val/top1"] == pytest.approx(max(curve))


def test_the_card_tells_what_the_weights_are(whole_run):
    card = json.loads((whole_run / "encoder.json").read_text())
    assert card["encoder"] == ENCODER
    assert len(card["classes"]) == 19
    assert card["scores"] == {key: v for key, v in numbers(whole_run).items() if "/" in key}
    assert card["normalization"] == create_encoder(ENCODER).normalization.to_dict()
    assert card["recipe"]["optimizer"]["_target_"] == "torch.optim.AdamW"
    assert card["tensors"] == len(load_file(whole_run / "encoder.safetensors"))


def test_the_report_shows_numbers_and_curves(whole_run):
    page = (whole_run / "report.html").read_text()
    for text in ("Top-1 accuracy", "Top-5 accuracy", "top-1", "StreetObjects", ENCODER):
        assert text in page
    assert page.count("<svg") >= 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults",
    [
        ("kill_at_sync:5",),
        pytest.param(("kill_at_sync:3", "kill_at_sync:4"), marks=pytest.mark.slow),
    ],
    ids=["once", "twice"],
)
def test_a_killed_run_goes_on_as_if_it_had_not_been(faults, whole_run, tmp_path):
    run = tmp_path / "run"
    line = [*LINE, f"hydra.run.dir={run}", "resume=auto"]
    for fault in faults:
        done = seg("pretrain", *line, cwd=tmp_path, fault=fault)
        assert done.returncode == KILLED, done.stderr
    done = seg("pretrain", *line, "loader.num_workers=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "going on from step" in done.stdout
    for name in ("last", "best"):
        ours, theirs = checkpoint(run, name), checkpoint(whole_run, name)
        for part in ("state_dict", "optimizer_states", "moving_average"):
            assert_equal(ours[part], theirs[part], part)
    ours, theirs = (load_file(each / "encoder.safetensors") for each in (run, whole_run))
    assert_equal(ours, theirs, "encoder.safetensors")
    for key in ("val/top1", "val/top5", "val/loss"):
        assert numbers(run)[key] == numbers(whole_run)[key]
    if len(faults) > 1:
        done = seg("pretrain", *line, cwd=tmp_path)
        assert "finished already" in done.stdout


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("predictions.png", marks=pytest.mark.slow),
        pytest.param("encoder.safetensors", marks=pytest.mark.slow),
        "encoder.json",
        pytest.param("metrics.json", marks=pytest.mark.slow),
        pytest.param("report.html", marks=pytest.mark.slow),
        pytest.param("finished.json", marks=pytest.mark.slow),
    ],
)
def test_what_lacks_at_the_end_is_made(name, whole_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole_run, run)
    for each in END:
        (run / each).unlink()
    done = seg("pretrain", f"resume={run}", cwd=tmp_path, fault=f"kill_before:{name}")
    assert done.returncode == KILLED, done.stderr
    assert not (run / "finished.json").exists()
    done = seg("pretrain", f"resume={run}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("finished already" in done.stdout) == (name == "finished.json")
    assert all((run / each).is_file() for each in END)
    assert not [each for each in run.rglob("*") if ".staged." in each.name]
    assert (run / "encoder.safetensors").read_bytes() == (
        whole_run / "encoder.safetensors"
    ).read_bytes()
    for key in ("val/top1", "val/top5", "val/loss"):
        assert numbers(run)[key] == numbers(whole_run)[key]


def test_one_class_everywhere_is_told(tmp_path):
    line = [*LINE, "trainer.max_epochs=1", "optimizer.lr=0", "callbacks=classification"]
    line += ["callbacks.checkpoints.every_n_steps=null"]
    line = [each for each in line if not each.startswith(("callbacks.averaging", "mixup"))]
    done = seg("pretrain", *line, f"hydra.run.dir={tmp_path / 'run'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr
    assert re.search(
        r"every image is predicted as [a-z ]+\n  try: more steps \(trainer.max_steps", told
    )


@pytest.mark.slow
def test_a_segmenter_starts_from_every_tensor_of_the_encoder(whole_run, tmp_path):
    line = [*SMALL, f"encoder={ENCODER}", f"encoder.weights={whole_run}", "logger=csv"]
    line += ["trainer.max_epochs=1", "optimizer.lr=1e-12", "optimizer.weight_decay=0"]
    done = seg("train", *line, f"hydra.run.dir={tmp_path / 'run'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    tensors = load_file(whole_run / "encoder.safetensors")
    told = re.search(r"(\d+) tensors loaded, (\d+) missing, (\d+) unexpected", done.stdout)
    assert told is not None, done.stdout
    assert tuple(map(int, told.groups())) == (len(tensors), 0, 0)
    trained = read_checkpoint(tmp_path / "run").model_state
    for name, value in tensors.items():
        if "running_" not in name:  # at so small a rate nothing else moves
            torch.testing.assert_close(trained[name], value, rtol=0, atol=1e-6)


def test_the_normalization_follows(whole_run, tmp_path):
    state = read_state(whole_run)
    assert state.kind == "classification"
    encoder = create_encoder(ENCODER, weights=whole_run)
    assert encoder.normalization == state.normalization
    covered = load_weights(create_encoder(ENCODER), whole_run / "checkpoints" / "best.ckpt")
    assert covered.complete
    assert not covered.missing
    with pytest.raises(DataError, match="an image classifier"):
        read_checkpoint(whole_run)


def test_what_does_not_fit_is_told(tmp_path):
    done = seg("pretrain", *LINE, "classification_dataset.multi_label=true", cwd=tmp_path)
    assert done.returncode == 2
    assert "give logistic" in done.stderr
    done = seg("pretrain", *LINE, "dataset=camvid", cwd=tmp_path)
    assert done.returncode == 2
    assert "dataset: has no part here" in done.stderr
    done = seg("pretrain", *LINE, "callbacks=ema", cwd=tmp_path)
    assert done.returncode == 2
    assert "callbacks=classification_ema" in done.stderr


@pytest.mark.slow
def test_several_labels_and_a_dry_run(tmp_path):
    line = [*LINE, "classification_dataset.multi_label=true", "head.outputs=logistic"]
    done = seg("pretrain", *line, "dry_run=true", f"hydra.run.dir={tmp_path / 'x'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "4 x 3 x 32 x 32" in done.stdout
    line += ["trainer.max_epochs=1", "head=mlp", "head.hidden=[16]"]
    done = seg("pretrain", *line, f"hydra.run.dir={tmp_path / 'run'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "encoder.json").read_text())["multi_label"]


@pytest.mark.slow
def test_two_processes(tmp_path):
    line = [*LINE, "trainer.devices=2", "trainer.strategy=ddp", "loader.batch_size=2"]
    done = seg("pretrain", *line, f"hydra.run.dir={tmp_path / 'run'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path / "run")["val/loss"] > 0
    assert read_state(tmp_path / "run").step > 0


@pytest.mark.slow
def test_an_encoder_of_another_library(tmp_path):
    line = [*LINE, "encoder=timm", "encoder.name=mobilenetv3_small_050", "trainer.max_epochs=1"]
    line += ["classification_dataset.size=64", "classification_augmentation.size=64"]
    done = seg("pretrain", *line, f"hydra.run.dir={tmp_path / 'run'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    line = [*SMALL, "encoder=timm", "encoder.name=mobilenetv3_small_050", "logger=csv"]
    line += [f"encoder.weights={tmp_path / 'run'}", "dry_run=true"]
    done = seg("train", *line, f"hydra.run.dir={tmp_path / 'seg'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert " 0 missing" in done.stdout
