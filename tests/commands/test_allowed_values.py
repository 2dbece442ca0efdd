"""The value that a message allows is taken, by what is built of it and by a step of training."""

import re

import pytest

from seg.build.instantiate import build
from seg.engine.pretrain import pretrain
from seg.engine.train import train
from seg.errors import UserError
from tests.commands.allowed_values import TABLES
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
_ALLOWED = {
    r"above [\d.]+ up to ([\d.]+)": r"\1",
    r"above 0 and below 1": "0.5",
    r"([\d.]+) (?:up )?to below [\d.]+": r"\1",
    r"([\d.]+) to [\d.]+": r"\1",
    r"(?:widths of )?([\d.]+)(?: \w+)? or more": r"\1",
    r"above 0": "1",
    r"below 1": "0.5",
    r"one or more above 0": "1",
    r"([\w.-]+)": r"\1",
}


def inference(config, _):
    build("inference", config.inference.node())


def refusal(command, arguments, run_dir):
    """What the command answers; None where it does its work."""
    run = {"train": train, "pretrain": pretrain, "evaluate": inference}[command]
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
        for command, table in TABLES.items()
        for chosen, wrong in table.items()
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_the_value_that_a_message_allows_is_typed(command, chosen, wrong, tmp_path):
    small = {"train": TINY, "pretrain": PICTURES}.get(command, ())
    right = {}
    for each in wrong:
        message = refusal(command, (*small, *chosen, each), tmp_path)
        assert message is not None, each
        assert key_of(each).rpartition(".")[2] in message
        assert len(message.splitlines()) <= MOST_LINES
        value = allowed_by(message)
        key = each.partition("=")[0]
        count = each.count(",") + 1
        right[key] = f"{key}=[{','.join([value] * count)}]" if "=[" in each else f"{key}={value}"
    assert refusal(command, (*small, *chosen, *right.values()), tmp_path) is None, right
