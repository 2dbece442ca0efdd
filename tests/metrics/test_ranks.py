"""Scores are those of all ranks together, each sample counted once."""

import json
from pathlib import Path

import pytest
import torch
from torch import distributed, multiprocessing

from seg.metrics.scores import Scores

WORLD = 2


def batches():
    generator = torch.Generator().manual_seed(0)
    for size in (3, 1, 2):
        logits = torch.randn(size, 4, 8, 8, generator=generator)
        label = torch.randint(0, 4, (size, 8, 8), generator=generator, dtype=torch.uint8)
        yield logits.argmax(1), label, logits.square().mean()


def scores_of(chosen) -> dict[str, float]:
    scores = Scores(("a", "b", "c", "d"), 255)
    for batch in chosen:
        scores.update(*batch)
    return scores.compute("val")


def run_rank(rank: int, folder: str) -> None:
    meeting = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=WORLD)
    scores = scores_of(list(batches())[rank::WORLD])
    Path(folder, f"{rank}.json").write_text(json.dumps(scores))
    distributed.destroy_process_group()


def test_ranks_agree_with_one_process(tmp_path):
    multiprocessing.spawn(run_rank, args=(str(tmp_path),), nprocs=WORLD)
    expected = scores_of(batches())
    for rank in range(WORLD):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == pytest.approx(expected)
