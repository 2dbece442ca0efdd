"""`python -m seg.report`, as it is typed; and the page that a training leaves."""

import json
import subprocess
import sys

from tests.conftest import seg
from tests.reports.run_directory import write_run


def test_one_run_gets_its_page(tmp_path):
    write_run(tmp_path / "my run (1)")
    done = seg("report", "my run (1)", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = tmp_path / "my run (1)/report.html"
    assert f"report: {written}" in done.stdout
    assert "mIoU" in written.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my run (1)"]


def test_lists_and_patterns(tmp_path):
    for name in ("one", "two"):
        write_run(tmp_path / "runs" / name)
    listed = seg("report", "runs=[runs/one,runs/two]", "output=out/both.html", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    found = seg("report", "runs=runs/*", "price_per_hour=2", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    for page in ("out/both.html", "report.html"):
        assert "2 runs" in (tmp_path / page).read_text()


def test_no_run_is_told(tmp_path):
    done = seg("report", "runs=nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: runs=nowhere: no run there")


def test_no_torch_is_needed():
    code = (
        "import sys, seg.reports.page; "
        "assert not {'torch', 'pytorch_lightning', 'cv2'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_training_leaves_its_page(small_run):
    page = (small_run / "report.html").read_text()
    score = json.loads((small_run / "metrics.json").read_text())["val/miou"]
    assert f"{100 * score:.1f}" in page
    assert "finished" in page and "data:image/gif;base64," in page
