"""Libraries report nothing, and a prediction leaves nothing of others in a home directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from seg import usage_reports
from tests.conftest import REPO
from tests.prediction.conftest import street


def clean_environment(home: Path) -> dict[str, str]:
    """No variable that tells a library to be silent, and a home directory that is new."""
    silent = {*usage_reports._VARIABLES, "MPLCONFIGDIR", "XDG_CACHE_HOME", "SEG_CACHE"}
    kept = {name: value for name, value in os.environ.items() if name not in silent}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(REPO)}


@pytest.mark.slow
def test_a_prediction_by_onnx_leaves_only_own_files(exports, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    Image.fromarray(street(0)).save(tmp_path / "image.png")
    line = (
        *("-m", "seg.predict", f"checkpoint={exports('onnx')}", f"input={tmp_path / 'image.png'}"),
        *(f"output={tmp_path / 'out'}", f"hydra.run.dir={tmp_path / 'run'}"),
    )
    done = subprocess.run(
        [sys.executable, *line],
        env=clean_environment(home),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/image.png").is_file()
    own = home / ".cache" / "seg"
    found = [path for path in home.rglob("*") if path.is_file()]
    assert [path for path in found if not path.is_relative_to(own)] == []


@pytest.mark.parametrize("name", sorted(usage_reports._VARIABLES))
def test_what_the_user_has_set_stays(name, monkeypatch):
    for each in usage_reports._VARIABLES:
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "mine")
    usage_reports.switch_off_usage_reports()
    assert os.environ[name] == "mine"
    assert all(each in os.environ for each in usage_reports._VARIABLES)


def test_openvino_finds_nothing_to_report_with():
    code = (
        "from seg.usage_reports import switch_off_usage_reports as switch_off; switch_off()\n"
        "from openvino.tools.ovc import telemetry_utils\n"
        "print(telemetry_utils.tm.__name__)"
    )
    pytest.importorskip("openvino")
    line = [sys.executable, "-c", code]
    done = subprocess.run(
        line, capture_output=True, text=True, check=True, cwd=REPO, env={**os.environ}
    )
    assert "stub" in done.stdout
