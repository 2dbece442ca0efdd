"""MLflow: what a run leaves there, and a server that is down or never answers."""

import csv
import socket
import time
from collections.abc import Iterator

import pytest

from tests.conftest import SMALL, seg

pytest.importorskip("mlflow", reason="needs mlflow: pip install 'seg-xception[mlflow]'")
SHORT = (*SMALL, "logger=mlflow", "trainer.max_epochs=1", "dataset.train_length=4")
LONGEST_S = 400  # a busy machine's training, and 20 s of patience


def losses_of(run):
    with (run / "metrics.csv").open() as file:
        return [float(row["val/loss"]) for row in csv.DictReader(file) if row["val/loss"]]


@pytest.fixture(params=["down", "silent"])
def address(request) -> Iterator[str]:
    """Of a port where nobody listens, or where connections are taken and never answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param == "silent":
            listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_training_ends_well_without_its_server(address, tmp_path):
    run = tmp_path / "run"
    started_at = time.monotonic()
    line = [*SHORT, f"logger.mlflow.tracking_uri={address}", f"hydra.run.dir={run}"]
    done = seg("train", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started_at < LONGEST_S
    told = [line for line in (done.stdout + done.stderr).splitlines() if "logger.mlflow" in line]
    assert "training goes on" in told[0] or "given up" in told[0]
    assert len(told) <= 2
    assert "Traceback" not in done.stderr
    assert len(losses_of(run)) == 1


def test_numbers_choices_and_pictures_arrive(tmp_path):
    from mlflow.tracking import MlflowClient

    run = tmp_path / "run"
    done = seg("train", *SHORT, f"hydra.run.dir={run}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    client = MlflowClient(f"sqlite:///{run}/mlflow.db")
    experiment = client.get_experiment_by_name("seg")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.data.metrics["val/loss"] == pytest.approx(losses_of(run)[-1])
    assert found.data.params["encoder/name"] == "aligned_xception_tiny"
    assert found.info.status == "FINISHED"
    assert client.list_artifacts(found.info.run_id, "images")
