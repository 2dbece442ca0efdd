"""Files that our own commands write and read again."""

import json
from pathlib import Path

import numpy as np
import yaml

from seg.data.datasets.shards import Shards
from seg.data.label_space import LabelSpace
from seg.data.wrappers.excluded import read_quarantine
from seg.deployment.loading import read_export
from seg.deployment.metadata import Card, card_path, digests, write_card
from seg.engine.resume import completed_score
from seg.engine.resume_argument import expand_resume
from seg.evaluation.comparison import compare, table
from seg.evaluation.results_file import write_record
from seg.models.interfaces import IMAGENET
from seg.prediction.items import Item
from seg.prediction.manifest import Manifest
from seg.prediction.manifest_entries import done_record, file_mark
from seg.profiling.scaling_plan import plan, read_measured
from seg.reports.energy import Tariff
from seg.reports.page import render
from seg.reports.run_reader import read_runs
from seg.sweeps.leaderboard import order_trials
from seg.sweeps.run_trial import forget_failure
from seg.sweeps.trials import (
    Sweep,
    Trial,
    TrialStatus,
    read_curve,
    read_metrics,
    read_overrides,
    read_status,
    read_sweep,
    write_sweep,
)
from seg.training.loggers.csv_logger import Curve, cut_curve
from seg.training.provenance import _read as read_environment_again
from tests.data.wrappers.verify_file import verification
from tests.fuzz.kind import Kind
from tests.profiling.benchmark_files import DATA, TRAINING
from tests.reports.run_directory import PALETTE, write_run

LABELS = LabelSpace.identity(("road", "car"), PALETTE[:2])
HEADER = {"checkpoint_sha256": "ab", "inference": {"window": [3, 4]}}
ITEMS = [Item(f"{n}", f"in/{n}.png", version="1") for n in range(4)]


def run_file(name):
    def write(folder: Path) -> Path:
        write_run(folder / "run")
        lines = [{"time": "2026-01-31T12:00:00+00:00", "step": 3, "checkpoint": "a.ckpt"}] * 3
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "run/resumes.jsonl").write_text(text)
        for picture in (*(folder / "run/examples").iterdir(), folder / "run/learning.gif"):
            picture.unlink()  # they take most of the time and are damaged elsewhere
        return folder / "run" / name

    return write


def show_run(path: Path) -> None:
    render(read_runs([path.parent]), Tariff())


def of_a_trial(path: Path) -> None:
    read_metrics(path.parent)
    read_curve(path.parent, "val/miou")
    read_overrides(path.parent)


def compared(name):
    def write(folder: Path) -> Path:
        content = {
            "protocol": {"split": "val", "inference": {"scales": [1.0]}},
            "checkpoint": {"path": "a", "sha256": "b", "step": 3},
            "scores": {"val/miou": 0.5, "val/iou/road": None},
        }
        draws = np.random.default_rng(0).random((2, 50)).astype(np.float32)
        for run in ("a", "b"):
            (folder / run).mkdir()
            write_record(folder / run, content, dict(zip(content["scores"], draws, strict=True)))
        return folder / "a" / name

    return write


def compare_with_the_other(path: Path) -> None:
    found = compare([path.parent, path.parent.with_name("b")])
    if found["scores"]:
        table(found)


def write_manifest(folder: Path) -> Path:
    with Manifest(folder, HEADER) as manifest:
        for item in ITEMS:
            (folder / f"{item.name}.png").write_bytes(b"x" * 5)
            mark = {f"{item.name}.png": file_mark(folder / f"{item.name}.png")}
            manifest.append(done_record(item, size=(2, 1), files=mark, parts={"areas": [1, 2]}))
    return folder / "manifest.jsonl"


def go_on(path: Path) -> dict:
    """A record that was kept is as it was written; those that are lost are done again."""
    with Manifest(path.parent, HEADER) as manifest:
        records = manifest.all_records()
        for item in ITEMS:
            manifest.is_done(item)
        manifest.sort(ITEMS)
    whole = {
        item.name: done_record(
            item,
            size=(2, 1),
            files={f"{item.name}.png": file_mark(path.parent / f"{item.name}.png")},
            parts={"areas": [1, 2]},
        )
        for item in ITEMS
    }
    assert records.items() <= whole.items()


def write_curve(folder: Path) -> Path:
    curve = Curve(save_dir=str(folder))
    for step in range(8):
        curve.log_metrics({"train/loss": 0.5 / (step + 1), "val/miou": 0.25}, step)
    return folder / "metrics.csv"


def go_on_with_the_curve(path: Path) -> None:
    cut_curve(path, 5)
    Curve(save_dir=str(path.parent)).log_metrics({"train/loss": 0.5, "new": 1.0}, 5)


def write_trials(folder: Path) -> Path:
    trials = [
        Trial(n, {"optimizer.lr": f"{n}e-3", "seed": str(n % 2)}, "finished", n / 9, 3.0)
        for n in range(4)
    ]
    trials.append(Trial(4, {"optimizer.lr": "1", "seed": "0"}, "failed", error="no\nmemory"))
    write_sweep(folder, Sweep("train", ("optimizer.lr=1,2",), "val/miou", trials=trials))
    return folder / "trials.json"


def rank(path: Path) -> None:
    sweep = read_sweep(path.parent)
    order_trials(sweep)
    sweep.group_by_seed()
    sweep.best_trial()


def write_trial(folder: Path) -> Path:
    TrialStatus("failed", 12.5, 1.7e9, "no\nmemory").write(folder)
    return folder / "trial.json"


def try_again(path: Path) -> None:
    status = read_status(path.parent)
    assert status is not None
    round(status.seconds, 3)
    forget_failure(path.parent)


def write_overrides(folder: Path) -> Path:
    (folder / "config.yaml").write_text("seed: 1\n")
    (folder / ".hydra").mkdir()
    path = folder / ".hydra/overrides.yaml"
    path.write_text(yaml.safe_dump(["optimizer.lr=0.1", "seed=3", "loss=focal"]))
    return path


def write_exported(folder: Path) -> Path:
    path = folder / "a.onnx"
    path.write_bytes(b"onnx")
    card = Card(
        format="onnx",
        files=digests([path]),
        spec={"precision": "fp32"},
        geometry={
            "output_stride": 4,
            "input_multiple": None,
            "align_corners": False,
            "bytes_per_pixel": 1.5,
        },
        checkpoint={"sha256": "a", "step": 3, "config": {"seed": 1}},
        labels=LABELS.to_dict(),
        normalization=IMAGENET.to_dict(),
        kept_float=[],
        parity={},
        versions={"torch": "2"},
        created="2026-01-31",
    )
    write_card(path, card)
    return card_path(path)


def use_export(path: Path) -> None:
    export = read_export(path.with_name("a.onnx"))
    assert (
        export.labels and export.card.network_normalization and export.engine and export.step >= 0
    )


def json_file(name, content):
    def write(folder: Path) -> Path:
        (folder / name).write_text(json.dumps(content))
        return folder / name

    return write


def write_benchmarks(name):
    def write(folder: Path) -> Path:
        for each, content in (("training", TRAINING), ("data", DATA)):
            (folder / f"{each}.json").write_text(json.dumps(content))
        return folder / f"{name}.json"

    return write


def plan_from(path: Path) -> None:
    training, data = (path.with_name(f"{each}.json") for each in ("training", "data"))
    measured = read_measured(training, data, way=None, case=None)
    plan(measured, samples=1000, base_lr=0.01, base_batch=16, devices=8, efficiency=0.5)


def write_sharded(name):
    def write(folder: Path) -> Path:
        from tests.fuzz.shards import write_copy

        return write_copy(folder / "train", LABELS) / name

    return write


def read_shards(path: Path) -> list:
    shards = Shards(split="train", root=path.parent.parent)
    samples = [shards[index] for index in range(len(shards))]
    return [(each.name, each.image.tobytes(), each.label.tobytes()) for each in samples]


RECORDS = (
    Kind("run: config.yaml", run_file("config.yaml"), show_run, "yaml"),
    Kind("run: metrics.csv", run_file("metrics.csv"), show_run),
    Kind("run: metrics.json", run_file("metrics.json"), show_run, "json"),
    Kind("run: evaluation.json", run_file("evaluation.json"), show_run, "json"),
    Kind("run: environment.json", run_file("environment.json"), show_run, "json"),
    Kind("run: resumes.jsonl", run_file("resumes.jsonl"), show_run),
    Kind("trial: metrics.json", run_file("metrics.json"), of_a_trial, "json"),
    Kind("trial: metrics.csv", run_file("metrics.csv"), of_a_trial),
    Kind("finished: metrics.json", run_file("metrics.json"),
         lambda path: completed_score(path.parent, "val/miou"), "json"),
    Kind("resumed: environment.json", run_file("environment.json"), read_environment_again, "json"),
    Kind("resumed: metrics.csv", write_curve, go_on_with_the_curve),
    Kind("resumed: overrides.yaml", write_overrides,
         lambda path: expand_resume([f"resume={path.parent.parent}"], "train"), "yaml"),
    Kind("compared: evaluation.json", compared("evaluation.json"), compare_with_the_other, "json"),
    Kind("compared: replicates.npz", compared("replicates.npz"), compare_with_the_other),
    Kind("manifest.jsonl", write_manifest, go_on),
    Kind("trials.json", write_trials, rank, "json"),
    Kind("trial.json", write_trial, try_again, "json"),
    Kind("card of an export", write_exported, use_export, "json"),
    Kind("benchmark.json of training", write_benchmarks("training"), plan_from, "json"),
    Kind("benchmark.json of data", write_benchmarks("data"), plan_from, "json"),
    Kind("verify.json", json_file("verify.json", verification()), read_quarantine, "json"),
    Kind("shards: labels.json", write_sharded("labels.json"), read_shards, "json", verified=True),
    Kind("shards: index.json", write_sharded("index.json"), read_shards, "json", verified=True),
    Kind("shards: chunk", write_sharded("chunk-0-0.bin"), read_shards, verified=True),
)  # fmt: skip
