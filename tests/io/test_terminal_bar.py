"""Bars of a terminal: one is seen at a time, and text has lines of its own."""

import logging
import os
import pty
import re
import select
import subprocess
import sys
from contextlib import contextmanager

import pytest

from seg.io.terminal import ConsoleHandler, say
from seg.io.terminal_bar import (
    bar_hidden,
    close_all_bars,
    close_bar,
    open_bar,
    progress_bar,
    waiting_bar,
)
from tests.conftest import SMALL


@contextmanager
def terminal(monkeypatch, kind="xterm"):
    """A pseudo-terminal as standard error; gives a function that returns what was written on it.

    No fixture: pytest puts its own standard error in place between setting up and the test.
    """
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream, monkeypatch.context() as patch:
        patch.setenv("TERM", kind)
        patch.setattr(sys, "stderr", stream)

        def written():
            stream.flush()
            parts, patience_s = [], 1.0  # what is written comes with a delay
            while select.select([ours], [], [], patience_s)[0]:
                parts.append(os.read(ours, 2**16))
                patience_s = 0.05
            return b"".join(parts).decode()

        yield written
        close_all_bars()
    os.close(ours)


def test_a_waiting_bar_is_seen_and_removed(monkeypatch):
    with terminal(monkeypatch) as written:
        with waiting_bar("preparing"):
            assert "preparing" in written()
        assert written().endswith("\x1b[2K")  # the line is empty again


def test_text_stands_on_lines_of_its_own(monkeypatch):
    with terminal(monkeypatch) as written:
        with progress_bar("copying", 2) as advance:
            advance()
            say("first", file=sys.stderr)
            record = logging.LogRecord("seg", logging.INFO, __file__, 1, "second", (), None)
            ConsoleHandler(sys.stderr).emit(record)
        text = written()
    assert "copying" in text
    for line in ("first", "second"):
        before, _, after = text.partition(line)
        assert before.endswith("\x1b[2K"), text
        assert after.startswith("\r\n"), text


def test_the_bar_before_is_seen_again(monkeypatch):
    with terminal(monkeypatch) as written, waiting_bar("preparing"):
        written()
        bar = open_bar()
        bar.add_task("fetching", total=3)
        bar.refresh()
        assert "fetching" in written()
        close_bar(bar)
        with bar_hidden():
            pass
        assert "preparing" in written()
        close_all_bars()
        written()
        with bar_hidden():
            say("alone", file=sys.stderr)
        assert written() == "alone\r\n"


def test_elsewhere_no_bar_opens(monkeypatch, capsys):
    with terminal(monkeypatch, kind="dumb") as written:
        assert open_bar() is None
        assert written() == ""
    with waiting_bar("preparing"), progress_bar("copying", 2) as advance:
        advance()
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_the_bar_of_a_training_stands_before_torch_is_imported(tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-X", "importtime", "-m", "seg.train", *SMALL]
    process = subprocess.Popen(
        [*command, "trainer.max_epochs=1", "hydra.run.dir=r"],
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 2**16):
            written += part
    except OSError:  # Linux: the other side is closed
        pass
    os.close(ours)
    assert process.wait() == 0, written[-2000:]
    first_of_torch = re.search(rb"\| +torch\.\w+\r\n", written)
    assert b"preparing" in written[: first_of_torch.start()]
    for line in (rb"training  Streets", rb"step \d/\d  train loss", rb"val mIoU"):
        assert re.search(rb"(\n|\x1b\[2K|\x1b\[\?25h)" + line, written), line
