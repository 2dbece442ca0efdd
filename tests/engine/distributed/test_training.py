"""Two processes train as one does that has the batches of both."""

import csv
import os
from pathlib import Path

import pytest
import torch
from torch import multiprocessing

from seg.build.segmentation import Parts
from seg.engine.train import fit
from tests import assembled

WORLD = 2
LINE = (
    *("dataset.val_length=5", "loader.eval_batch_size=1"),  # 3 samples for one, 2 for the other
    *("trainer.precision=64-true", "trainer.log_every_n_steps=1", "optimizer=sgd"),
    *("callbacks=ema", "callbacks.averaging.decay=0.5"),
    *("loss=cross_entropy", "decoder.dropout=0", "batch_norm=sync"),
    *("dataset.train_length=8",),
)


def parts_of(run_dir: Path, *overrides: str) -> Parts:
    return assembled.parts_of(run_dir, *LINE, *overrides)


def run_rank(rank: int, run_dir: Path, port: int) -> None:
    here = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": WORLD}
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
    os.environ.update({key: str(value) for key, value in {**here, **meeting}.items()})
    torch.set_num_threads(1)
    parts = parts_of(run_dir, f"trainer.devices={WORLD}", "loader.batch_size=2")
    fit(parts, run_dir)
    torch.save(parts.task.last_metrics, run_dir / f"results {rank}.pt")


def curve(run_dir: Path) -> list[dict[str, float]]:
    with (run_dir / "metrics.csv").open() as file:
        given = [{key: text for key, text in row.items() if text} for row in csv.DictReader(file)]
    rows = [{key: float(text) for key, text in row.items()} for row in given]
    return sorted(rows, key=lambda row: (row["step"], sorted(row)))


def weights(run_dir: Path, name: str) -> dict[str, torch.Tensor]:
    content = torch.load(run_dir / "checkpoints" / name, weights_only=True)
    return {key: value.double() for key, value in content["state_dict"].items()}


@pytest.fixture(scope="module")
def runs(tmp_path_factory, free_port) -> tuple[Path, Path]:
    """The run directories of one process with batches of 4, and of two with batches of 2."""
    alone, together = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("together")
    multiprocessing.spawn(run_rank, args=(together, free_port), nprocs=WORLD)
    parts = parts_of(alone, "loader.batch_size=4")
    fit(parts, alone)
    torch.save(parts.task.last_metrics, alone / "results 0.pt")
    return alone, together


@pytest.mark.slow
def test_batches_have_ignored_pixels_in_unequal_numbers(tmp_path):
    parts = parts_of(tmp_path, "loader.batch_size=4")
    labels = [batch["label"] for batch in parts.data.train_dataloader()]
    ignored = [[(each[rank::WORLD] == 255).sum() for rank in range(WORLD)] for each in labels]
    assert any(first != second for first, second in ignored)


@pytest.mark.slow
def test_the_curves_are_equal(runs):
    alone, together = map(curve, runs)
    assert len(alone) == len(together) == 6  # 4 steps, 2 validations
    for expected, found in zip(alone, together, strict=True):
        assert found == pytest.approx(expected, rel=1e-5, nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["best.ckpt", "last.ckpt"])
def test_the_weights_are_equal(runs, name):
    alone, together = (weights(run, name) for run in runs)
    start = {k: v.double() for k, v in parts_of(runs[0]).task.state_dict().items()}
    for key, value in alone.items():
        torch.testing.assert_close(together[key], value, rtol=1e-5, atol=1e-6, msg=key)
    moved = max((alone[key] - start[key]).abs().max() for key in alone if "weight" in key)
    assert moved > 1e-3


@pytest.mark.slow
def test_all_processes_know_the_same_exact_scores(runs):
    alone, together = runs
    expected = torch.load(alone / "results 0.pt")
    for rank in range(WORLD):
        found = torch.load(together / f"results {rank}.pt")
        assert found == pytest.approx(expected, rel=1e-5, nan_ok=True)


@pytest.mark.slow
def test_one_process_writes(runs):
    alone, together = runs
    files = {
        run: {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
        for run in runs
    }
    assert files[together] - files[alone] == {"results 1.pt"}
    assert not files[alone] - files[together]
