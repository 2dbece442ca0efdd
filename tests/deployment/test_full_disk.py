"""A full disk ends an export in words, and nothing of it stays."""

import pytest

from tests.conftest import seg


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("pt2", "torch"),
        pytest.param("onnx", "onnx", marks=pytest.mark.slow),
        pytest.param("openvino", "openvino", marks=pytest.mark.slow),
    ],
)
def test_is_exit_code_6(name, library, small_run, tmp_path):
    pytest.importorskip(library)
    suffix = {"openvino": "xml"}.get(name, name)
    target = tmp_path / "exports" / f"net.{suffix}"
    line = (f"checkpoint={small_run}", f"format={name}", f"output={target}")
    done = seg("export", *line, cwd=tmp_path, fault="full_disk:200000")
    assert done.returncode == 6, done.stderr
    assert f"{target}: " in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 6
    assert not list(target.parent.iterdir())
