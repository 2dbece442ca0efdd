import re

import pytest

from seg.config.conf_dir import conf_dir
from seg.config.help import asks_for_help, help_text
from tests.conftest import seg
from tests.remedies import SCHEMAS

COMMANDS = sorted(SCHEMAS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_key_stands_with_its_comment(command):
    shown = help_text(command, [])
    text = (conf_dir() / f"{command}.yaml").read_text()
    remarks = re.findall(r"^( *)(?:- )?(\w+):[^#\n]*# (.*)$", text, re.MULTILINE)
    remarks = [each for each in remarks if each[1] not in ("defaults", "hydra")]
    assert remarks or command == "report"
    for _, key, remark in remarks:
        assert re.search(rf"^ *{key}:.*  # {re.escape(remark)}$", shown, re.MULTILINE), key


def test_the_keys_of_the_chosen_option_and_of_its_base():
    shown = help_text("train", ["encoder=aligned_xception_micro", "loss=ohem"])
    lines = shown.splitlines()
    assert "  min_share: 0.0625  # of the pixels, kept at least" in lines
    at = lines.index("encoder:")
    variant = next(line for line in lines[at:] if line.startswith("  variant: "))
    assert "other separable convolutions" in variant
    assert any(line.startswith("  crop:  # height, width in pixels") for line in lines)


def test_it_is_asked_for_anywhere_on_the_line(tmp_path):
    assert asks_for_help(["loss=ohem", "--help"])
    assert not asks_for_help(["loss=ohem", "--hydra-help"])
    done = seg("prepare", "verify", "-h", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "task: verify  # detect (of what kind is dataset.root?) | verify" in done.stdout
    assert not list(tmp_path.iterdir())
