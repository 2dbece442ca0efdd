"""The value that a message allows is taken, by what is built of it and by a step of training."""

import re

import pytest

from seg.engine.pretrain import pretrain
from seg.engine.train import train
from seg.errors import UserError
from tests.conftest import SMALL
from tests.remedies import MOST_LINES, configuration, key_of

TINY = (*SMALL, "loader.batch_size=2", "logger=csv", "~callbacks.progress", "dry_run=true")
PICTURES = (
    "encoder=aligned_xception_micro",
    "classification_dataset.train_length=8",
    "classification_dataset.val_length=4",
    "loader.batch_size=2",
    "loader.num_workers=0",
    "trainer.accelerator=cpu",
    "logger=csv",
    "~callbacks.progress",
    "dry_run=true",
)
# What is chosen -> what is wrong with it; a message allows another value of the same key.
TRAIN = {
    (): [
        "trainer.precision=17",
        "trainer.strategy=x",
        "loss.label_smoothing=1",
        "callbacks.log_images.samples=0",
        "callbacks.gif.samples=0",
        "callbacks.gif.frames=1",
        "callbacks.checkpoints.every_minutes=0",
        "param_groups.layer_decay=2",
        "param_groups.bias_multiplier=0",
        "param_groups.frozen_parts=99",
        "batch_norm.momentum=2",
        "batch_norm.recalibrate=-1",
        "seed=-1",
        "dataset.subset_fraction=0",
        "nan_policy.action=go",
        "nan_policy.lr_factor=1",
        "scheduler.slow_start_share=2",
    ],
    ("aux_head=fcn",): ["aux_head.channels=0", "aux_head.dropout=1", "aux_head.weights=[0]"],
    ("callbacks=ema", "loss=focal"): [
        "callbacks.averaging.decay=1",
        "loss.gamma=-1",
        "encoder.output_stride=12",
    ],
    ("callbacks=swa", "loss=hard_pixel_mining", "scheduler=step"): [
        "callbacks.averaging.start_share=2",
        "callbacks.averaging.every_steps=0",
        "loss.share=0",
        "loss.ramp_steps=-1",
        "scheduler.gamma=2",
    ],
    ("loss=cross_entropy_boundary", "scheduler=exponential"): [
        "loss.terms.1.width_px=0",
        "scheduler.every_steps=0",
    ],
    ("loss=cross_entropy_rmi", "scheduler=one_cycle"): [
        "loss.terms.1.side_px=0",
        "scheduler.rise_share=2",
    ],
    ("loss=ohem", "decoder=feature_pyramid"): [
        "loader.batch_size=0",
        "loader.batch_size=1000",
        "loss.min_share=0",
    ],
}
PRETRAIN = {
    ("mixup=cutmix_mixup",): [
        "head.dropout=1",
        "head.hidden=[0]",
        "classification_augmentation.centre_share=0",
        "mixup.switch=2",
        "mixup.probability=2",
        "label_smoothing=1",
        "classification_dataset.size=1",
    ],
}
_ALLOWED = {
    r"above [\d.]+ up to ([\d.]+)": r"\1",
    r"above 0 and below 1": "0.5",
    r"([\d.]+) (?:up )?to below [\d.]+": r"\1",
    r"([\d.]+) to [\d.]+": r"\1",
    r"(?:widths of )?([\d.]+)(?: \w+)? or more": r"\1",
    r"above 0": "1",
    r"below 1": "0.5",
    r"([\w.-]+)": r"\1",
}


def refusal(command, arguments, run_dir):
    """What the command answers; None where it does its work."""
    run = {"train": train, "pretrain": pretrain}[command]
    try:
        run(configuration(command, *arguments), run_dir)
    except UserError as error:
        return str(error)
    return None


def allowed_by(message):
    """The first value that a message allows."""
    _, begun, text = message.partition("allowed: ")
    assert begun, message
    for pattern, value in _ALLOWED.items():
        if match := re.match(pattern, text):
            return match.expand(value)
    raise AssertionError(message)


@pytest.mark.parametrize(
    ("command", "chosen", "wrong"),
    [
        (command, chosen, wrong)
        for command, table in (("train", TRAIN), ("pretrain", PRETRAIN))
        for chosen, wrong in table.items()
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_the_value_that_a_message_allows_is_typed(command, chosen, wrong, tmp_path):
    small = TINY if command == "train" else PICTURES
    right = {}
    for each in wrong:
        message = refusal(command, (*small, *chosen, each), tmp_path)
        assert message is not None, each
        assert key_of(each).rpartition(".")[2] in message
        assert len(message.splitlines()) <= MOST_LINES
        value = allowed_by(message)
        key = each.partition("=")[0]
        right[key] = f"{key}=[{value}]" if "=[" in each else f"{key}={value}"
    assert refusal(command, (*small, *chosen, *right.values()), tmp_path) is None, right
