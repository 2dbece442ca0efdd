"""A run directory as training and evaluation leave it, with numbers and pictures from a seed."""

import csv
import json
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

CLASSES = ("road", "sidewalk", "car", "person")
PALETTE = ((128, 64, 128), (244, 35, 232), (0, 0, 142), (220, 20, 60))
STEPS = 60


def write_run(folder, *, seed=0, classes=CLASSES, name="one picture", without=()):
    """Fill `folder`; `without` names files and keys of `evaluation.json` that are left out."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    evaluation = evaluated(rng, classes)
    evaluation["examples"] = examples(folder, rng, name)
    curve = rows(rng, classes, evaluation["scores"])
    writers = {
        "config.yaml": lambda path: path.write_text(yaml.safe_dump(config(seed))),
        "metrics.csv": lambda path: write_rows(path, curve),
        "metrics.json": lambda path: path.write_text(
            json.dumps(evaluation["scores"] | {"training_s": 431.0, "evaluation_s": 9.0})
        ),
        "evaluation.json": lambda path: path.write_text(
            json.dumps({key: value for key, value in evaluation.items() if key not in without})
        ),
        "environment.json": lambda path: path.write_text(json.dumps(environment())),
        "predictions.png": lambda path: Image.fromarray(noise(rng, 40, 80)).save(path),
        "learning.gif": lambda path: Image.fromarray(noise(rng, 20, 40)).save(
            path, save_all=True, append_images=[Image.fromarray(noise(rng, 20, 40))]
        ),
    }
    for file, write in writers.items():
        if file not in without:
            write(folder / file)
    return evaluation


def evaluated(rng, classes):
    """Scores that follow from a confusion matrix, as `evaluation.json` has them."""
    confusion = rng.integers(0, 4_000, (len(classes), len(classes)))
    confusion += np.diag(rng.integers(20_000, 90_000, len(classes)))
    right, label, prediction = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    iou = right / (label + prediction - right)
    scores = {"val/miou": iou.mean(), "val/pixel_accuracy": right.sum() / confusion.sum()}
    scores |= {"val/loss": 0.3125, "val/ece": 0.041}
    intervals = {"val/miou": [scores["val/miou"] - 0.02, scores["val/miou"] + 0.03]}
    for each, value in zip(classes, iou, strict=True):
        scores[f"val/iou/{each}"] = value
        intervals[f"val/iou/{each}"] = [max(0.0, value - 0.05), min(1.0, value + 0.04)]
    edges = np.linspace(0, 1, 6)
    return {
        "protocol": {"dataset": "Streets", "split": "val", "split_sha256": "a" * 64, "images": 24},
        "checkpoint": {"path": "checkpoints/best.ckpt", "sha256": "b" * 64, "step": STEPS},
        "classes": list(classes),
        "palette": [list(color) for color in PALETTE[: len(classes)]],
        "scores": scores,
        "intervals": intervals,
        "confusion": confusion.tolist(),
        "calibration": {
            "edges": edges.tolist(),
            "count": [0, 100, 200, 300, 400],
            "confidence": [None, 0.3, 0.5, 0.7, 0.9],
            "accuracy": [None, 0.2, 0.5, 0.6, 0.95],
            "ece": 0.041,
            "temperature": 1.25,
            "ece_after": 0.012,
        },
        "size_strata": [
            {
                "name": "small",
                "below": 0.001,
                "segments": 812,
                "pixel_recall": 0.21,
                "segment_recall": 0.2,
            },
            {
                "name": "large",
                "below": 1.0,
                "segments": 97,
                "pixel_recall": 0.93,
                "segment_recall": None,
            },
        ],
    }


def examples(folder, rng, name):
    """Pictures in the palette's colours, and what names them."""
    (folder / "examples").mkdir()
    found = {}
    for kind in ("worst", "best"):
        entry = {"name": f"{name} {kind}", "miou": 0.31, "pixel_accuracy": 0.72}
        label = np.array(PALETTE, np.uint8)[rng.integers(0, len(PALETTE), (24, 36))]
        pictures = {
            "image": noise(rng, 24, 36),
            "label": label,
            "prediction": label[:, ::-1],
            "error": np.where(label == label[:, ::-1], 235, 0).astype(np.uint8),
        }
        for layer, picture in pictures.items():
            entry[layer] = f"examples/{kind}_0_{layer}.{'jpg' if layer == 'image' else 'png'}"
            Image.fromarray(np.ascontiguousarray(picture)).save(folder / entry[layer])
        found[kind] = [entry]
    return found


def rows(rng, classes, scores):
    """A row for each ten steps, every second one after a validation."""
    found = []
    for step in range(9, STEPS, 10):
        row = {
            "step": step,
            "epoch": step // 20,
            "train/loss": 2 / (1 + step / 20) + rng.random() / 9,
        }
        if step % 20 == 19:
            share = (step + 1) / STEPS
            row |= {"val/miou": scores["val/miou"] * share, "val/loss": 1.5 - share}
            row |= {f"val/iou/{each}": scores[f"val/iou/{each}"] * share for each in classes}
        found.append(row)
    return found


def write_rows(path: Path, found):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in found for key in row)))
        writer.writeheader()
        writer.writerows(found)


def config(seed):
    return {
        "encoder": {
            "_target_": "seg.models.encoders.create_encoder",
            "name": "aligned_xception_tiny",
        },
        "decoder": {"name": "deeplabv3plus"},
        "dataset": {"_target_": "seg.data.datasets.streets.Streets"},
        "optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.002 + 0.001 * seed},
        "trainer": {"max_epochs": 3, "max_steps": -1},
        "loader": {"batch_size": 8},
        "seed": seed,
    }


def environment():
    session = {
        "time": "2026-01-01T12:00:00+00:00",
        "command": "seg/train.py dataset=streets",
        "seg": "0.1.0",
        "python": "3.11.2",
        "libraries": {"torch": "2.10.0"},
        "cpu": "A processor",
        "cores": 4,
        "memory_gib": 16.0,
        "gpus": [],
        "processes": 1,
        "git": [
            {"what": "code", "commit": "c" * 40, "branch": "main", "dirty": True, "diff": ["x"]}
        ],
    }
    moments = (
        ("begun", "2026-01-01T12:00:00+00:00", 0),
        ("interrupted", "2026-01-01T12:10:00+00:00", 20),
        ("resumed", "2026-01-01T13:00:00+00:00", 20),
        ("finished", "2026-01-01T13:20:00+00:00", 60),
    )
    history = [{"event": event, "time": time, "step": step} for event, time, step in moments]
    return {"sessions": [session, session], "history": history}


def noise(rng, height, width):
    return rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
