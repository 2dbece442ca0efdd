"""What a user gets wrong ends in a few lines that say what to do."""

import pytest
import torch
from PIL import Image

from seg.build.models import load_model
from seg.errors import DataError
from tests.conftest import SMALL, seg

CONFIG, DATA, DIVERGED = 2, 3, 4


@pytest.mark.parametrize(
    ("command", "arguments", "code", "parts"),
    [
        (
            "train",
            ["optimizer.lrr=1"],
            CONFIG,
            ["optimizer.lrr: no such key", "lr", "did you mean lr?"],
        ),
        ("train", ["encodr=xception"], CONFIG, ["encodr: no such key", "did you mean encoder?"]),
        (
            "train",
            ["encoder=xcepton"],
            CONFIG,
            ["encoder=xcepton: no such option", "did you mean xception?"],
        ),
        (
            "train",
            ["loader.batch_size=many"],
            CONFIG,
            ["loader.batch_size='many'", "give a whole number"],
        ),
        ("train", ["optimizer.lr=fast"], CONFIG, ["optimizer.lr='fast'"]),
        (
            "train",
            ["+optimizer.momentumm=1"],
            CONFIG,
            ["optimizer.momentumm: torch.optim.AdamW takes no such argument"],
        ),
        ("train", ["loss._target_=os.system"], CONFIG, ["loss._target_=os.system: not allowed"]),
        ("train", ["encoder.output_stride=12"], CONFIG, ["12", "4, 8, 16", "32"]),
        ("train", ["encoder.name=resnet"], CONFIG, ["resnet", "aligned_xception65"]),
        ("train", ["dataset=camvid", "dataset.root=/no/such/folder"], DATA, ["/no/such/folder"]),
        ("train", ["dataset.size=[0,0]"], CONFIG, ["size"]),
        ("train", ["loader.batch_size=1000"], CONFIG, ["1000", "16 samples"]),
        ("train", ["loss.class_weights=[1,2]"], CONFIG, ["2 weights for 19 classes"]),
        ("train", ["encoder.weights=/no/such/file"], DATA, ["/no/such/file"]),
        ("train", ["optimizer.lr="], CONFIG, ["optimizer.lr"]),
        ("train", ["optimizer.lr=-1"], CONFIG, ["optimizer", "learning rate"]),
        ("train", ["decoder.aspp_channels=-5"], CONFIG, ["decoder"]),
        ("train", ["encoder.gradient_checkpointing=nope"], CONFIG, ["gradient_checkpointing"]),
        ("train", ["+encoder.in_channels=4"], CONFIG, ["encoder.in_channels: follows from"]),
        ("train", ["trainer.max_epochs=-1"], CONFIG, ["trainer.max_epochs=-1", "max_steps"]),
        ("train", ["trainer.limit_val_batches=0"], CONFIG, ["limit_val_batches=0"]),
        ("train", ["trainer.devices=0"], CONFIG, ["trainer.devices=0", "1 or more"]),
        ("train", ["weights=imagenet"], DATA, ["give encoder.weights=imagenet"]),
        ("train", ["optimizer=sgd", "optimizer.lr=1e30"], DIVERGED, ["the loss is", "lower"]),
        ("evaluate", [], CONFIG, ["checkpoint: missing; give checkpoint=..."]),
        ("evaluate", ["checkpoint=/no/such/file"], DATA, ["/no/such/file", "no such file"]),
        (
            "evaluate",
            ["checkpoint=x", "encoder=xception"],
            CONFIG,
            ["encoder: comes from the checkpoint"],
        ),
        ("predict", ["checkpoint=x", "input=/no/such/picture"], DATA, ["/no/such/picture"]),
    ],
    ids=lambda value: (
        " ".join(value) if isinstance(value, list) and value and "=" in value[0] else ""
    ),
)
def test_error_is_short_and_says_what_to_do(command, arguments, code, parts, tmp_path):
    small = SMALL if command == "train" and not any("camvid" in part for part in arguments) else ()
    done = seg(command, *small, *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) <= 6, done.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in done.stderr


def test_a_run_directory_is_never_overwritten(small_run, tmp_path):
    before = (small_run / "config.yaml").read_bytes()
    done = seg("train", *SMALL, f"hydra.run.dir={small_run}", cwd=tmp_path)
    assert done.returncode == CONFIG
    assert "holds a run already" in done.stderr
    assert (small_run / "config.yaml").read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a checkpoint",
        b"seed: 0\ndry_run: false\n",
        b"PK\x03\x04half",
        b"\x80\x04cos\nsystem\n.",
    ],
)
def test_damaged_and_hostile_checkpoints(content, tmp_path):
    (tmp_path / "x.ckpt").write_bytes(content)
    done = seg("evaluate", "checkpoint=x.ckpt", cwd=tmp_path)
    assert done.returncode == DATA, done.stderr
    assert "x.ckpt" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 6


def test_a_hostile_configuration_inside_a_checkpoint(small_run, tmp_path):
    content = torch.load(small_run / "checkpoints" / "best.ckpt", weights_only=True)
    victim = tmp_path / "executed"
    node = f"{{_target_: os.system, command: touch {victim}}}"
    content["seg"]["config"]["encoder"]["multi_grid"] = f"${{oc.create:'{node}'}}"
    torch.save(content, tmp_path / "x.ckpt")
    done = seg("evaluate", "checkpoint=x.ckpt", cwd=tmp_path)
    assert done.returncode == DATA, done.stderr
    assert "unresolved interpolation" in done.stderr
    assert not victim.exists()


def test_a_checkpoint_builds_nothing_in_a_free_place(small_run, tmp_path):
    content = torch.load(small_run / "checkpoints" / "best.ckpt", weights_only=True)
    folder = tmp_path / "made"
    content["seg"]["config"]["encoder"]["variant"] = {
        "_target_": "seg.models.weights.download.fetch",
        "url": "http://127.0.0.1:9/x",
        "sha256": "0" * 64,
        "folder": str(folder),
    }
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(DataError, match=r"x\.ckpt: .*\nencoder\.variant\._target_=.* not allowed"):
        load_model(tmp_path / "x.ckpt")
    assert not folder.exists()


def test_a_checkpoint_names_no_place_to_write(small_run, tmp_path):
    content = torch.load(small_run / "checkpoints" / "best.ckpt", weights_only=True)
    dataset = {
        "_target_": "seg.data.datasets.folder.Folder",
        "root": "x",
        "cache": str(tmp_path / "cache"),
    }
    content["seg"]["config"]["dataset"] = dataset
    torch.save(content, tmp_path / "x.ckpt")
    done = seg("evaluate", "checkpoint=x.ckpt", "hydra.run.dir=out", cwd=tmp_path)
    assert done.returncode == DATA, done.stderr
    assert not (tmp_path / "cache").exists()


def test_a_picture_is_never_overwritten(small_run, tmp_path):
    picture = tmp_path / "street.png"
    Image.new("RGB", (64, 64)).save(picture)
    before = picture.read_bytes()
    done = seg("predict", f"checkpoint={small_run}", f"input={picture}", "output=.", cwd=tmp_path)
    assert done.returncode == CONFIG, done.stderr
    assert "would be lost" in done.stderr
    assert picture.read_bytes() == before


def test_a_failed_attempt_does_not_occupy_the_run_directory(tmp_path):
    line = ("predict", "checkpoint=/no/such/file", "input=.", "hydra.run.dir=run")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    first, second = seg(*line, cwd=tmp_path), seg(*line, cwd=tmp_path)
    assert first.returncode == second.returncode == DATA, second.stderr


def test_other_classes_than_the_checkpoints(small_run, camvid_root, tmp_path):
    done = seg(
        "evaluate",
        f"checkpoint={small_run}",
        "dataset=camvid",
        f"dataset.root={camvid_root}",
        cwd=tmp_path,
    )
    assert done.returncode == CONFIG, done.stderr
    assert "dataset:    11: sky" in done.stderr
    assert "checkpoint: 19: road" in done.stderr


def test_help_is_quick_and_lists_the_choices(tmp_path):
    done = seg("train", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "encoder: aligned_xception41, aligned_xception41p, aligned_xception65" in done.stdout


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("evaluate", ["checkpoint=nothing.ckpt"]),
        ("train", [*SMALL, "weights=nothing.pth"]),
        ("train", ["loader.batch_size=many"]),
    ],
    ids=["checkpoint", "weights", "configuration"],
)
def test_a_refused_start_leaves_no_directory(command, arguments, there, tmp_path):
    run_dir = tmp_path / "run"
    if there:
        run_dir.mkdir()
        (run_dir / "notes.txt").write_text("mine")
    before = sorted(run_dir.rglob("*"))
    refused = seg(command, *arguments, f"hydra.run.dir={run_dir}", cwd=tmp_path)
    assert refused.returncode in (CONFIG, DATA), refused.stderr
    assert run_dir.exists() == there
    assert sorted(run_dir.rglob("*")) == before
