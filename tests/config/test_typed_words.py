"""What newcomers type: each answer is short, and what it offers works when it is typed."""

import re
from pathlib import Path

import pytest

from tests.remedies import MOST_LINES, answer, key_of, offered

# Words of other frameworks -> what they are here, as it stands in the message, and as it is typed.
WORDS = {
    ("train", "epochs=3"): ("trainer.max_epochs", "trainer.max_epochs=3"),
    ("train", "+epochs=3"): ("trainer.max_epochs", "trainer.max_epochs=3"),
    ("train", "iterations=3"): ("trainer.max_steps", "trainer.max_steps=3"),
    ("train", "batch_size=2"): ("loader.batch_size", "loader.batch_size=2"),
    ("train", "learning_rate=0.1"): ("optimizer.lr", "optimizer.lr=0.1"),
    ("train", "optimizer.learning_rate=0.1"): ("optimizer.lr", "optimizer.lr=0.1"),
    ("train", "imgsz=640"): ("augmentation.crop=[HEIGHT,WIDTH]", "augmentation.crop=[65,65]"),
    ("train", "device=cuda"): ("trainer.accelerator=auto", "trainer.accelerator=auto"),
    ("train", "gpus=2"): ("trainer.devices", "trainer.devices=2"),
    ("train", "trainer.gpus=2"): ("trainer.devices", "trainer.devices=2"),
    ("train", "model=resnet50"): ("encoder=NAME", "encoder=resnet50"),
    ("train", "backbone=resnet50"): ("encoder=NAME", "encoder=resnet50"),
    ("train", "data=own"): (
        "dataset=folder dataset.root=DIR",
        "dataset=folder dataset.root=own",
    ),
    ("train", "dataset.root=own"): (
        "dataset=folder dataset.root=...",
        "dataset=folder dataset.root=own",
    ),
    ("train", "+dataset.root=own"): (
        "dataset=folder dataset.root=...",
        "dataset=folder dataset.root=own",
    ),
    ("train", "loss=dice", "+loss.class_weights=[1,2]"): (
        "loss=cross_entropy loss.class_weights=...",
        "loss=cross_entropy loss.class_weights=[1,2]",
    ),
    ("train", "workers=2"): ("loader.num_workers", "loader.num_workers=2"),
    ("train", "random_seed=1"): ("seed", "seed=1"),
    ("train", "amp=true"): ("trainer.precision=bf16-mixed", "trainer.precision=bf16-mixed"),
    ("train", "encoder.pretrained=true"): ("encoder.weights=FILE", "encoder.weights=a.pth"),
    ("train", "pretrained=true"): ("encoder.weights=FILE", "encoder.weights=a.pth"),
    ("train", "wandb=true"): ("logger=NAME", "logger=wandb"),
    ("train", "output_dir=x"): ("hydra.run.dir=DIR", "hydra.run.dir=x"),
    ("train", "warmup=10"): ("scheduler.warmup_steps", "scheduler.warmup_steps=10"),
    ("train", "freeze=true"): (
        "param_groups.frozen_parts=encoder",
        "param_groups.frozen_parts=encoder",
    ),
    ("train", "ema=true"): ("callbacks=ema", "callbacks=ema"),
    ("train", "debug=true"): ("dry_run=true", "dry_run=true"),
    ("train", "--epochs", "3"): ("trainer.max_epochs", "trainer.max_epochs=3"),
    ("train", "--lr=0.1"): ("optimizer.lr", "optimizer.lr=0.1"),
    ("train", "epochs", "3"): ("trainer.max_epochs", "trainer.max_epochs=3"),
    ("train", "encoder=resnet18"): (
        "encoder=timm encoder.name=resnet18",
        "encoder=timm encoder.name=resnet18",
    ),
    ("train", "decoder=unet"): (
        "decoder=smp decoder.name=Unet",
        "decoder=smp decoder.name=Unet",
    ),
    ("train", "loss=ce"): ("did you mean cross_entropy?", "loss=cross_entropy"),
    ("train", "logger=tensorboard"): ("logger=default", "logger=default"),
    ("train", "dataset=own/"): (
        "dataset=folder dataset.root=own/",
        "dataset=folder dataset.root=own/",
    ),
    ("pretrain", "data=own"): (
        "classification_dataset=image_folder classification_dataset.root=DIR",
        "classification_dataset=image_folder classification_dataset.root=own",
    ),
    ("predict", "weights=run", "input=x"): ("checkpoint=RUN_DIR", "checkpoint=run input=x"),
    ("predict", "checkpoint=run", "source=x"): ("input=FILE_OR_DIR", "checkpoint=run input=x"),
    ("evaluate", "ckpt=run"): ("checkpoint=RUN_DIR", "checkpoint=run"),
    ("evaluate", "checkpoint=run", "workers=2"): ("num_workers", "checkpoint=run num_workers=2"),
    ("export", "checkpoint=run", "half=true"): ("precision=fp16", "checkpoint=run precision=fp16"),
    ("prepare", "verify", "data=own"): (
        "dataset=folder dataset.root=DIR",
        "verify dataset=folder dataset.root=own",
    ),
}
KNOWN = [
    ("train", "num_classes=3"),
    ("train", "+num_classes=3"),
    ("train", "dataset.num_classes=3"),
    ("train", "+dataset.num_classes=3"),
    ("train", "+encoder.in_channels=4"),
    ("train", "ignore_index=255"),
]


@pytest.mark.parametrize("line", WORDS, ids=" ".join)
def test_words_of_other_frameworks(line):
    command, *arguments = line
    text, typed = WORDS[line]
    message = answer(command, *arguments)
    assert message is not None
    assert text in message
    assert len(message.splitlines()) < MOST_LINES
    assert answer(command, *typed.split()) is None


@pytest.mark.parametrize("line", KNOWN, ids=" ".join)
def test_what_the_code_knows_is_left_out(line):
    assert str(answer(*line)).endswith("leave it out")
    assert answer(line[0]) is None


@pytest.mark.parametrize(
    ("argument", "remedies"),
    [
        ("dataset.size=(64,128)", ["'dataset.size=[64,128]'"]),
        ("dataset.size=[64,128", ["'dataset.size=[64,128]'"]),
        ("dataset.size=64,128", ["'dataset.size=[64,128]'"]),
        ("optimizer.lr=0,1", ["'optimizer.lr=[0,1]'", "optimizer.lr=0.1"]),
    ],
)
def test_values_that_cannot_be_read(argument, remedies):
    message = answer("train", argument)
    assert message is not None
    assert message.startswith(f"{argument}: ")
    assert "hydra.cc" not in message
    lines = message.removeprefix(argument)
    assert offered(lines) == remedies
    assert answer("train", remedies[-1].strip("'")) is None


def test_texts_with_signs_are_quoted():
    message = answer("train", "hydra.job.name=a(b")
    assert message == "hydra.job.name=a(b: cannot be read; write 'hydra.job.name='\"'\"'a(b'\"'\"''"
    assert answer("train", "hydra.job.name='a(b'") is None


@pytest.mark.parametrize(
    "arguments",
    [("optimizer.lr", "=", "0.1"), ("optimizer.lr=", "0.1"), ("run",), ("--config", "x.yaml")],
)
def test_words_without_a_key(arguments):
    message = answer("train", *arguments)
    assert message is not None
    assert "KEY=VALUE" in message
    assert len(message.splitlines()) <= 2


def test_a_path_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    message = answer("predict", "run", "run")
    assert "did you mean checkpoint=run or input=run?" in message
    assert answer("predict", "checkpoint=run", "input=run") is None


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("trainer.max_epochs=2.5", "give a whole number"),
        ("trainer.max_epochs=three", "give a whole number"),
        ("channels_last=maybe", "give true or false"),
        ("labels.ignore=road", "give a list, as [A,B]"),
        ("dataset.size=64x128", "give a list, as [A,B]"),
        ("optimizer.betas=0.9", "give a list, as [A,B]"),
        ("optimizer.lr=1e-3s", ": give a number"),
    ],
)
def test_values_of_other_types(argument, reason):
    message = answer("train", argument)
    assert message is not None
    assert message.endswith(reason)
    assert key_of(argument) in message


def test_a_sweep_needs_its_flag():
    message = answer("train", "optimizer.lr=choice(1e-3,1e-2)")
    assert message is not None
    assert message.endswith("is for sweeps alone; add -m")


def test_no_word_has_two_meanings_in_one_command():
    for command in ("train", "predict", "evaluate", "export"):
        for word in ("model", "data", "path", "output_dir", "device"):
            message = str(answer(command, f"{word}=x"))
            assert len(re.findall(r"did you mean", message)) <= 1


def test_a_group_takes_one_option():
    message = answer("train", "dataset=camvid,streets")
    assert message == "dataset=camvid,streets: several values\n  a sweep, one run each: add -m"
    message = answer("train", "+experiment=camvid_cpu")
    assert message is not None
    assert message.endswith("write experiment=camvid_cpu without a plus")
    assert answer("train", "experiment=camvid_cpu") is None


def test_a_group_of_another_command():
    assert answer("pretrain", "dataset=cityscapes") == "dataset: has no part here, leave it out"


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("aux_head=null", "allowed: fcn; for none leave it out"),
        ("sampler=null", "allowed: class_uniform, repeat_factor, shuffle"),
        ("logger=False", "allowed: csv, default, mlflow, trackio, wandb"),
        ("+distillation@x=1e-3", "allowed: channel_wise, "),
    ],
)
def test_nothing_and_numbers_are_no_options(argument, reason):
    message = answer("train", argument)
    assert message is not None
    assert f"{argument}: no such option; {reason}" in message
