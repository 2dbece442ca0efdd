"""The teacher is the average, the views fit, and a resumed run equals the uninterrupted one."""

from functools import partial

import numpy as np
import pytest
import torch
from albumentations import PadIfNeeded
from PIL import Image
from pytorch_lightning.callbacks import ModelCheckpoint
from torchvision.transforms import v2

import seg as package
from seg.data.datasets.streets import Streets
from seg.data.transforms.pipeline import Augmentation
from seg.distillation.extra_loss import StudentContext
from seg.distillation.mean_teacher import MeanTeacher
from seg.errors import ConfigError, DataError
from seg.optim.ema import copy_weights, decay_at, update_average
from tests.conftest import SMALL, seg
from tests.distillation.networks import parts_of, pictures, segmenter

SIDE_PX = 33
BATCH = {"image": pictures(1, 8, 8)}
LIKE_A_RUN = {"step": 0, "total_steps": 10}


@pytest.fixture(scope="session")
def street_pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unlabelled")
    data = Streets(split="test", size=(80, 128), test_length=6)
    for index in range(6):
        Image.fromarray(data[index].image).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def folder(tmp_path):
    for index, image in enumerate(pictures(4, SIDE_PX, SIDE_PX)):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / f"{index}.png")
    return tmp_path


def mean_teacher(folder, student, **changes):
    choices = {
        "batch_size": 4,
        "num_workers": 0,
        "prefetch_factor": 1,
        "pin_memory": False,
        "timeout_s": 60.0,
        "augmentation": partial(Augmentation, crop=(SIDE_PX, SIDE_PX)),
        "strong": [],
        "decay": 0.5,
        "threshold": 0.0,
        "weight": 1.0,
        "ramp_up": 0.0,
        **changes,
    }
    run = StudentContext(student=student, load_teacher=package.load_model, seed=0)
    return MeanTeacher(images=str(folder), **choices, run=run)


def test_the_teacher_is_the_average_of_the_students_weights(folder):
    student = segmenter(4).train()
    term = mean_teacher(folder, student)
    expected = copy_weights(student.state_dict())
    optimizer = torch.optim.SGD(student.parameters(), lr=1.0)
    for step in range(4):
        if step:
            update_average(expected, student.state_dict(), decay_at(step, 0.5))
        loss = torch.zeros(())
        for _ in range(2):  # accumulation: no step in between
            term.on_step_start(step)
            student(student.normalization(pictures(2, 9, 9)))  # moves its batch norms
            loss = loss + term(BATCH, step=step, total_steps=4).loss
        for name, value in term.teacher.state_dict().items():
            assert torch.equal(value, expected[name]), name
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert not term.train().teacher.training
    assert not any(parameter.requires_grad for parameter in term.parameters())
    assert not torch.equal(student.decoder.logits.weight, term.teacher.decoder.logits.weight)


def test_the_loss_is_the_cross_entropy_against_the_teachers_classes(folder):
    student = segmenter(4).eval()
    term = mean_teacher(folder, student, threshold=0.4, weight=3.0, ramp_up=0.5)
    image = torch.stack(
        [torch.from_numpy(np.array(Image.open(folder / f"{i}.png"))) for i in range(4)]
    ).permute(0, 3, 1, 2)
    probability = student(student.normalization(image))[..., ::4, ::4].double().softmax(1)
    confidence, _ = probability.max(1)
    sure = confidence >= 0.4
    assert 0 < sure.sum() < sure.numel()
    expected = -(confidence.log() * sure).sum() / sure.numel()
    loss, logged = term(BATCH, **LIKE_A_RUN)
    assert logged["mean_teacher"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert logged["confident"].item() == pytest.approx(sure.double().mean().item())
    assert loss.item() == pytest.approx(3 * np.exp(-5) * expected.item(), rel=1e-5)
    later, _ = term(BATCH, step=5, total_steps=10)
    assert later.item() == pytest.approx(3 * expected.item(), rel=1e-5)


def test_predictions_follow_a_strong_view_that_moves_pixels(folder):
    """A network of single pixels gives a mirrored picture the mirrored prediction."""
    student = segmenter(4).eval()
    plain, _ = mean_teacher(folder, student)(BATCH, **LIKE_A_RUN)
    mirror = [v2.RandomHorizontalFlip(p=1.0)]
    mirrored, _ = mean_teacher(folder, student, strong=mirror)(BATCH, **LIKE_A_RUN)
    assert mirrored.item() == pytest.approx(plain.item(), rel=1e-5)


def test_the_student_alone_sees_the_strong_view(folder):
    student = segmenter(4)
    term = mean_teacher(folder, student.eval(), strong=[v2.ColorJitter(brightness=(0.2, 0.3))])
    seen = {"student": [], "teacher": []}
    for name, network in (("student", student), ("teacher", term.teacher)):
        network.encoder.register_forward_pre_hook(
            lambda _, images, name=name: seen[name].append(images[0].mean().item())
        )
    term(BATCH, **LIKE_A_RUN)
    assert [len(means) for means in seen.values()] == [1, 1]
    assert seen["student"][0] < -0.5 < seen["teacher"][0]


def test_what_lies_outside_a_picture_is_no_lesson(folder):
    """All pictures are half as large as the crop: three quarters of it are padding."""
    student = segmenter(4).eval()
    side = 2 * SIDE_PX - 1
    pad = partial(
        Augmentation,
        [PadIfNeeded(side, side, position="top_left")],
        crop=(side, side),
    )
    plain, _ = mean_teacher(folder, student)(BATCH, **LIKE_A_RUN)
    padded, logged = mean_teacher(folder, student, augmentation=pad)(BATCH, **LIKE_A_RUN)
    assert logged["confident"].item() == 1
    assert padded.item() == pytest.approx(plain.item(), rel=1e-5)


def test_nothing_confident_teaches_nothing(folder):
    student = segmenter(4).train()
    loss, logged = mean_teacher(folder, student, threshold=1.0)(BATCH, **LIKE_A_RUN)
    loss.backward()
    assert loss.item() == logged["confident"].item() == 0
    assert all(p.grad is None or not p.grad.any() for p in student.parameters())


@pytest.mark.parametrize(
    "wrong",
    [
        {"decay": 1.0},
        {"threshold": 1.5},
        {"ramp_up": -0.1},
        {"weight": 0},
        {"batch_size": 5},
        {"augmentation": partial(Augmentation, on_device=[v2.RandomHorizontalFlip()])},
    ],
)
def test_wrong_options(folder, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        mean_teacher(folder, segmenter(4), **wrong)


def test_damaged_and_missing_pictures(folder, tmp_path):
    with pytest.raises(DataError, match="nowhere: no such directory"):
        mean_teacher(tmp_path / "nowhere", segmenter(4))
    (folder / "2.png").write_bytes((folder / "1.png").read_bytes()[:-30])
    with pytest.raises(DataError, match=r"2\.png.*damaged(.|\n)*split 'unlabelled'"):
        mean_teacher(folder, segmenter(4).train())(BATCH, **LIKE_A_RUN)


def resumable(run_dir, pictures_dir, *overrides):
    """Three epochs of two steps; the six pictures make epochs of three batches."""
    parts = parts_of(
        run_dir,
        *(
            "semi_supervised=mean_teacher",
            f"semi_supervised.images={pictures_dir}",
            "semi_supervised.batch_size=2",
        ),
        *(
            "semi_supervised.threshold=0.05",
            "callbacks=ema",
            "callbacks.averaging.decay=0.99",
        ),
        *("dataset.train_length=4", "dataset.val_length=2", "loader.batch_size=2"),
        *("trainer.max_epochs=3", "trainer.check_val_every_n_epoch=3", *overrides),
    )
    keeper = ModelCheckpoint(run_dir / "kept", save_top_k=-1, save_on_train_epoch_end=True)
    keeper.filename = "{step}"
    parts.trainer.callbacks.append(keeper)
    return parts


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The dirpath has changed")
def test_a_resumed_run_equals_the_uninterrupted_one(street_pictures, tmp_path):
    whole = resumable(tmp_path / "whole", street_pictures)
    whole.trainer.fit(whole.task, datamodule=whole.data)
    resumed = resumable(tmp_path / "resumed", street_pictures, "semi_supervised.num_workers=1")
    start = tmp_path / "whole" / "kept" / "step=2.ckpt"
    resumed.trainer.fit(resumed.task, datamodule=resumed.data, ckpt_path=start)
    first, second = (parts.task.state_dict() for parts in (whole, resumed))
    extra = first.pop("terms.0._extra_state")
    assert extra == second.pop("terms.0._extra_state")
    assert extra == {"step": 5, "order": {"epoch": 1, "batches": 3}}
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    # The teacher follows when it is next asked; then it is what `callbacks=ema` uses.
    last = torch.load(tmp_path / "whole" / "kept" / "step=6.ckpt", weights_only=True)
    teacher = whole.task.terms[0].teacher.state_dict()
    update_average(teacher, last["moving_average"]["in_training"], decay_at(6, 0.99))
    for name, value in whole.task.model.state_dict().items():
        assert torch.equal(value, teacher[name]), name


@pytest.mark.slow
def test_a_run_is_used_as_any(street_pictures, tmp_path):
    run = tmp_path / "run"
    line = [*SMALL, "semi_supervised=mean_teacher", f"semi_supervised.images={street_pictures}"]
    line += ["dataset.train_length=8", "dataset.val_length=2", "trainer.max_epochs=1"]
    line += ["trainer.log_every_n_steps=1", f"hydra.run.dir={run}"]
    done = seg("train", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    header = (run / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"train/mean_teacher", "train/confident", "train/ramp"} <= set(header)
    assert package.load_model(run).num_classes == 19


def test_a_wrong_folder_ends_in_a_few_lines(street_pictures, tmp_path):
    line = [*SMALL, "semi_supervised=mean_teacher", "hydra.run.dir=run"]
    (tmp_path / "empty").mkdir()
    empty = seg("train", *line, "semi_supervised.images=empty", cwd=tmp_path)
    assert empty.returncode == 3
    assert "no files in empty" in empty.stderr
    few = seg(
        "train",
        *line,
        f"semi_supervised.images={street_pictures}",
        "semi_supervised.batch_size=7",
        cwd=tmp_path,
    )
    assert few.returncode == 2
    assert "semi_supervised.batch_size=7 for 6 images" in few.stderr
    assert "Traceback" not in empty.stderr + few.stderr
