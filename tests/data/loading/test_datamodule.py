"""Loaders: the same batches whatever the workers, resumable, with errors a user can read."""

import multiprocessing
import os
import signal

import albumentations
import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from seg.data.label_space import LabelSpace
from seg.data.loading.datamodule import DataModule
from seg.data.sample import Sample
from seg.data.transforms.pipeline import Augmentation
from seg.data.transforms.random_scale_crop import RandomScaleCrop
from seg.errors import ConfigError, DataError

LABELS = LabelSpace.identity(("a", "b", "c"), ((1, 1, 1), (2, 2, 2), (3, 3, 3)))
CHOICES = {
    "batch_size": 4,
    "eval_batch_size": 3,
    "num_workers": 0,
    "prefetch_factor": 2,
    "pin_memory": True,
    "timeout_s": 60.0,
    "seed": 5,
}


class Noise:
    """Random images; `broken` maps an index to what happens when it is read."""

    labels = LABELS

    def __init__(self, split="train", length=22, broken=None, sizes=((24, 32),)):
        self.split, self.length, self.broken, self.sizes = split, length, broken or {}, sizes

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if index in self.broken:
            self.broken[index]()
        generator = np.random.default_rng(index)
        size = self.sizes[index % len(self.sizes)]
        return Sample(
            f"noise/{index}",
            generator.integers(0, 256, (*size, 3), dtype=np.uint8),
            generator.integers(0, 3, size, dtype=np.uint8),
        )


def fail():
    raise DataError("noise/7.png: image is damaged\n  copy or download it again")


def augmentation():
    transforms = [
        RandomScaleCrop((0.5, 2.0), (16, 20)),
        albumentations.HorizontalFlip(),
        albumentations.ColorJitter(),
    ]
    return Augmentation(transforms, ignore_index=255, crop=(16, 20))


def make(train=None, val=None, **changes) -> DataModule:
    return DataModule(
        train=train or Noise(),
        val=val or Noise("val", 7),
        augmentation=augmentation(),
        **{**CHOICES, **changes},
    )


def passes(loader, count=2):
    return [batch for _ in range(count) for batch in loader]


def content(batches):
    return [
        tuple(batch[key].numpy().tobytes() for key in ("image", "label", "index"))
        for batch in batches
    ]


def test_batches_hold_bytes():
    batch = next(iter(make().train_dataloader()))
    assert batch["image"].shape == (4, 3, 16, 20)
    assert batch["image"].is_contiguous(memory_format=torch.channels_last)
    assert batch["label"].shape == (4, 16, 20)
    assert batch["label"].is_contiguous()
    assert batch["image"].dtype == batch["label"].dtype == torch.uint8
    assert batch["index"].dtype == torch.int64


def test_images_are_not_scrambled():
    loader = make(eval_batch_size=1).val_dataloader()
    for index, batch in enumerate(loader):
        sample = Noise()[index]
        np.testing.assert_array_equal(batch["image"][0].permute(1, 2, 0), sample.image)
        np.testing.assert_array_equal(batch["label"][0], sample.label)
        assert batch["index"].tolist() == [index]


@pytest.fixture(scope="module")
def reference():
    return content(passes(make().train_dataloader()))


@pytest.mark.parametrize("num_workers", [1, 2])
def test_workers_change_nothing(reference, num_workers):
    assert content(passes(make(num_workers=num_workers).train_dataloader())) == reference


def test_batch_size_and_order_do_not_reach_the_pixels(reference):
    def by_index(batches):
        return {
            int(index): batch["image"][place].numpy().tobytes()
            for batch in batches
            for place, index in enumerate(batch["index"])
        }

    four, two = (by_index(passes(make(batch_size=b).train_dataloader(), 1)) for b in (4, 2))
    assert all(four[index] == two[index] for index in four.keys() & two.keys())
    assert len(four.keys() & two.keys()) > 15


def test_epochs_and_seeds_differ(reference):
    assert len(set(reference)) == 10
    assert not set(content(passes(make(seed=6).train_dataloader()))) & set(reference)


def test_loading_leaves_the_global_generators_alone():
    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    passes(make().train_dataloader())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])


@pytest.mark.parametrize(("delivered", "num_workers"), [(0, 0), (3, 0), (5, 0), (7, 2)])
def test_a_resumed_loader_goes_on(reference, delivered, num_workers):
    first, seen = make(num_workers=num_workers).train_dataloader(), []
    while len(seen) < delivered:
        for batch in first:
            seen.append(batch)
            if len(seen) == delivered:
                break
    second = make(num_workers=2 - num_workers).train_dataloader()
    second.load_state_dict(first.state_dict())
    while len(seen) < 10:
        seen += list(second)
    assert content(seen) == reference


class Recorder(pl.LightningModule):
    """Trains one number and notes which samples it was shown."""

    def __init__(self, stop_after=None):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.stop_after, self.seen = stop_after, []

    def training_step(self, batch, _):
        self.seen.append((batch["index"].tolist(), int(batch["image"].sum())))
        return self.weight * batch["image"].float().mean()

    def validation_step(self, batch, _):
        assert batch["image"].dtype == torch.uint8

    def on_train_batch_end(self, *_):
        if self.global_step == self.stop_after:
            self.trainer.save_checkpoint(self.trainer.default_root_dir + "/stopped.ckpt")
            raise KeyboardInterrupt

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1e-6)


def fit(module, folder, data, length, resume=None):
    trainer = pl.Trainer(
        default_root_dir=str(folder),
        **length,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True if resume else None)
    return module.seen


@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec")
@pytest.mark.parametrize("length", [{"max_epochs": 3}, {"max_steps": 15}], ids=str)
@pytest.mark.parametrize("stop_after", [3, 5, 7])
def test_lightning_resumes_in_mid_epoch(tmp_path, stop_after, length):
    straight = fit(Recorder(), tmp_path, make(), length)
    assert len(straight) == 15
    broken = Recorder(stop_after)
    with pytest.raises(SystemExit):
        fit(broken, tmp_path, make(), length)
    resumed = fit(Recorder(), tmp_path, make(), length, tmp_path / "stopped.ckpt")
    assert broken.seen + resumed == straight


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_error_in_a_worker_arrives_in_few_lines(num_workers):
    data = make(Noise(broken={7: fail}), num_workers=num_workers)
    with pytest.raises(DataError) as caught:
        passes(data.train_dataloader(), 1)
    lines = str(caught.value).splitlines()
    assert not multiprocessing.active_children()
    assert lines[0] == "noise/7.png: image is damaged"
    assert lines[2] == "  (sample 7 of split 'train', epoch 0)"
    assert len(lines) == 3


def test_a_wrong_setting_keeps_its_kind():
    data = make()
    data._augmentation = Augmentation([], ignore_index=255, crop=(9, 9))
    with pytest.raises(ConfigError, match="noise"):
        next(iter(data.train_dataloader()))


def test_a_killed_worker_is_explained():
    data = make(Noise(broken={7: lambda: os.kill(os.getpid(), signal.SIGKILL)}), num_workers=1)
    with pytest.raises(DataError, match=r"worker was killed(?s:.*)loader.num_workers"):
        passes(data.train_dataloader(), 1)


def test_unequal_sizes_name_the_remedy():
    val = Noise("val", 4, sizes=((24, 32), (20, 32)))
    with pytest.raises(DataError, match="eval_batch_size=1") as caught:
        passes(make(val=val).val_dataloader(), 1)
    assert "sample 0: 32 x 24, sample 1: 32 x 20" in str(caught.value)
    assert len(passes(make(val=val, eval_batch_size=1).val_dataloader(), 1)) == 4


def test_evaluation_is_whole_and_unchanged():
    loader = make().val_dataloader()
    for _ in range(2):
        batches = list(loader)
        assert [batch["index"].tolist() for batch in batches] == [[0, 1, 2], [3, 4, 5], [6]]
        np.testing.assert_array_equal(batches[2]["label"][0], Noise()[6].label)


def test_what_is_missing_is_named():
    with pytest.raises(ConfigError, match="'train'; given: val"):
        DataModule(val=Noise("val", 7), **CHOICES).train_dataloader()
    with pytest.raises(ConfigError, match="needs train, val or both"):
        DataModule(**CHOICES)
    with pytest.raises(ConfigError, match="larger than the 3 samples"):
        make(Noise(length=3)).train_dataloader()


def test_splits_share_their_classes():
    other = Noise("val")
    other.labels = LabelSpace.identity(("x", "y"), ((1, 1, 1), (2, 2, 2)))
    with pytest.raises(ConfigError, match="'train' and 'val' have different classes"):
        make(val=other)
