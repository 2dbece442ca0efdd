"""An evaluation that was killed is done again by the same command, in the same directory."""

import pytest

from tests.conftest import seg

KILLED, CONFIG = -9, 2


@pytest.mark.slow
def test_the_same_command_works_again_and_a_finished_one_stays(small_run, tmp_path):
    run_dir = tmp_path / "run"
    line = (f"checkpoint={small_run}", "device=cpu", f"hydra.run.dir={run_dir}")
    killed = seg("evaluate", *line, cwd=tmp_path, fault="kill_before:evaluation.json")
    assert killed.returncode == KILLED, killed.stderr
    assert (run_dir / "metrics.json").exists()
    other = seg("evaluate", *line, "batch_size=1", cwd=tmp_path)
    assert other.returncode == CONFIG
    assert "holds a run already" in other.stderr
    done = seg("evaluate", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (run_dir / "finished.json").exists()
    assert (run_dir / "report.html").exists()
    assert not [path for path in run_dir.rglob("*") if ".staged." in path.name]
    again = seg("evaluate", *line, cwd=tmp_path)
    assert again.returncode == CONFIG
    assert "holds a run already" in again.stderr
