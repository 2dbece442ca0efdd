"""Run directories of networks that were never trained, one for each kind of output and image."""

from collections.abc import Callable
from pathlib import Path

import torch

from seg.build.segmentation import build_segmentation
from seg.config.schema import TrainConfig, validate
from tests.commands.band_sets import SETS, write_set
from tests.composition import composed
from tests.data.overlapping_masks import write_nested, write_overlapping
from tests.wide_tree import plant

_FEW = {"train": 2, "val": 2}
_SMALL = (
    *("dataset=folder", "encoder=aligned_xception_micro", "augmentation=none"),
    *("loader.num_workers=0", "trainer.accelerator=cpu", "trainer.max_epochs=2"),
)


def _plant(root: Path) -> None:
    for seed, split in enumerate(("train", "val")):
        plant(root, split, count=2, seed=seed, blocks=(6, 8))


KINDS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "regions": (
        lambda root: write_nested(root, **_FEW),
        ("++labels.regions.whole=[edge,core]", "++labels.regions.inner=[core]", "loss=bce"),
    ),
    "binary": (
        lambda root: write_nested(root, **_FEW),
        ("labels.mode=binary", "++labels.merge.object=[edge,core]", "loss=dice"),
    ),
    "exclusive": (lambda root: write_nested(root, **_FEW), ()),
    "multi_label": (
        lambda root: write_overlapping(root, **_FEW),
        (
            "dataset.images='images/{split}/*.png'",
            "dataset.labels='masks/{split}/{class}/{stem}.png'",
            *("labels.mode=multi_label", "loss=bce"),
        ),
    ),
    "300_classes": (_plant, ()),
    "four_bands": (lambda root: write_set(root, "four", **_FEW), SETS["four"][2]),
    "floats": (lambda root: write_set(root, "floats", **_FEW), SETS["floats"][2]),
}
"""Name -> what writes the set, and the options of its training."""


def write_run(run: Path, kind: str) -> Path:
    """Write a run directory of a kind, and its data set in `set`; all classes are predicted."""
    write, options = KINDS[kind]
    write(run / "set")
    line = (*_SMALL, f"dataset.root={run / 'set'}", "logger=csv", "~callbacks.progress", *options)
    torch.manual_seed(0)
    task = build_segmentation(validate(TrainConfig, composed("train", *line)), run).task
    model, channels = task.model.eval(), task.model.encoder.normalization.mean
    with torch.no_grad():
        model.decoder.logits.weight.normal_(0, 30)
        logits_1KHW = model(torch.rand(1, len(channels), 64, 64))
        model.decoder.logits.bias -= logits_1KHW.flatten(2).median(2).values[0]
    content = {"state_dict": task.state_dict(), "global_step": 0}
    task.on_save_checkpoint(content)
    (run / "checkpoints").mkdir(exist_ok=True)
    torch.save(content, run / "checkpoints/best.ckpt")
    return run


def first_image(run: Path) -> Path:
    """Return an image of the data set of a run."""
    return min((run / "set/images/val").iterdir())
