import ast
import logging
import logging.config
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from PIL import Image

from seg.config.conf_dir import conf_dir
from seg.io.terminal import PlainFormatter, log_plainly, printable
from tests.conftest import REPO, seg

RED = "\x1b[31mroad\x1b]0;title\x07"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (RED, r"\x1b[31mroad\x1b]0;title\x07"),
        ("a\rb\x7f\x9bm", r"a\x0db\x7f\x9bm"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("\udcff.png", r"\udcff.png"),
        ("Straße 道路\tümlaut\nnext", "Straße 道路\tümlaut\nnext"),
    ],
)
def test_what_harms_is_written_out(text, plain):
    assert printable(text) == plain


@pytest.mark.parametrize("log", ["job_logging", "hydra_logging"])
def test_every_formatter_of_the_commands_is_plain(log):
    formatters = OmegaConf.load(conf_dir() / "hydra" / "default.yaml")[log].formatters
    for formatter in OmegaConf.to_container(formatters, resolve=True).values():
        assert formatter["class"] == "seg.io.terminal.PlainFormatter"


def test_records_with_names_and_errors_are_plain(capsys):
    record = logging.makeLogRecord({"msg": "class %s", "args": (RED,)})
    assert "\x1b" not in PlainFormatter("%(message)s").format(record)
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        log_plainly(logging.WARNING)
        logging.getLogger("x").warning("class %s", RED)
    finally:
        root.handlers = before
    assert capsys.readouterr().err == "class \\x1b[31mroad\\x1b]0;title\\x07\n"


@pytest.mark.slow
def test_a_name_of_a_file_in_an_error(tmp_path):
    label = Image.new("L", (8, 8))
    label.putpixel((0, 0), 1)
    for split in ("train", "val"):
        for room, image in (("images", Image.new("RGB", (8, 8))), ("labels", label)):
            (tmp_path / room / split).mkdir(parents=True)
            for name in ("a", RED):
                image.save(tmp_path / room / split / f"{name}.png")
        (tmp_path / "images" / split / f"{RED}.png").write_bytes(b"no image")
    done = seg("prepare", "verify", "dataset=folder", "dataset.root=.", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert r"\x1b[31mroad" in done.stdout + done.stderr


def test_nothing_else_writes_to_the_terminal():
    home = REPO / "seg" / "io" / "terminal.py"
    for path in sorted((REPO / "seg").rglob("*.py")):
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert "print" not in calls or path == home, Path(path).relative_to(REPO)
