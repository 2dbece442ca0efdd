"""A package that somebody else wrote, installed by pip beside seg."""

import subprocess
import sys
import sysconfig
import venv

import pytest

from tests.conftest import REPO
from tests.outside_package import CHOICES, TARGETS, TINY, write_package


@pytest.mark.slow
def test_a_package_is_installed_and_trained_with(tmp_path):
    pytest.importorskip("setuptools")
    place = tmp_path / "venv"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"

    def typed(*line):
        done = subprocess.run(
            [python, *line], cwd=tmp_path, env={}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = typed("-c", code).strip()
    # what seg needs was installed once; it is lent, and seg itself comes from the checkout
    lent = f"{REPO}\n{sysconfig.get_path('purelib')}\n"
    (tmp_path / "venv" / packages / "lent.pth").write_text(lent)
    # that of an older venv needs `wheel` beside it
    typed("-m", "pip", "uninstall", "--yes", "--quiet", "setuptools")
    source = write_package(tmp_path / "source")
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    typed("-m", "pip", "install", *options, str(source))
    typed("-m", "seg.train", *CHOICES, *TINY, "hydra.run.dir=run")
    assert (tmp_path / "run" / "metrics.json").is_file()
    named = f"plugins=[{TARGETS['encoder']}]"
    typed("-m", "seg.predict", "checkpoint=run", "input=run/predictions.png", "output=out", named)
    assert sorted((tmp_path / "out").glob("predictions*.png"))
    assert sys.executable != str(python)
