"""The requests that the manual prints, asked of a server."""

import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from tests.commands.documented import command_lines, words

LINES = [line for line in command_lines() if line.startswith("curl ")]


@pytest.mark.parametrize("line", LINES)
def test_it_is_answered(line, served, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    noise_HWC = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    Image.fromarray(noise_HWC).save(tmp_path / "street.png")
    arguments = [each.replace("http://127.0.0.1:8000", served) for each in words(line)]
    assert any(served in each for each in arguments)
    done = subprocess.run(
        [*arguments, "--silent", "--show-error", "--fail-with-body", "--noproxy", "*"],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done
    if "-o" in arguments:
        assert (tmp_path / arguments[arguments.index("-o") + 1]).stat().st_size > 100
    else:
        assert done.stdout.startswith(b"{")
