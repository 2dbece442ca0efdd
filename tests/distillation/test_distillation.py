"""A student learns, its teacher does not change, and nothing of the teacher is kept."""

import shutil

import pytest
import torch

import seg as package
from seg.build.models import load_model, load_teacher
from seg.distillation.distillation import Distillation
from seg.distillation.extra_loss import StudentContext
from seg.distillation.logit_kd import LogitKD
from seg.errors import ConfigError
from seg.training.checkpoint import read_checkpoint
from tests.conftest import SMALL, seg
from tests.distillation.networks import parts_of, pictures, segmenter

TEACHING = ("distillation=features", "distillation.objectives.0.strides=[4,16]")


def soft_labels(student, teacher, **changes):
    choices = {"weight": 1.0, "temperature": 2.0, **changes}
    return LogitKD(**choices, student=student, teacher=teacher)


def distillation(student, teacher, *objectives):
    run = StudentContext(student=student, load_teacher=lambda _: teacher, seed=0)
    return Distillation(checkpoint="", objectives=objectives or [soft_labels], run=run)


def test_the_student_comes_near_its_teacher():
    """Without labels, on one batch: the divergence falls to a tenth."""
    student, teacher = segmenter(4, seed=1), segmenter(2, seed=2)
    term = distillation(student, teacher)
    batch = {"image": pictures(4, 33, 33), "label": torch.zeros(4, 33, 33, dtype=torch.uint8)}
    optimizer = torch.optim.Adam(student.parameters(), lr=0.05)
    losses = []
    for step in range(60):
        student.train()(student.normalization(batch["image"]))
        loss, logged = term(batch, step=step, total_steps=60)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        assert logged["soft_labels"].item() == losses[-1]
    assert losses[-1] < 0.1 * losses[0]


def test_weights_multiply_what_is_logged_plainly():
    student, teacher = segmenter(4, seed=1), segmenter(4, seed=2)
    batch = {"image": pictures(2, 33, 33), "label": torch.zeros(2, 33, 33, dtype=torch.uint8)}
    term = distillation(student, teacher, lambda **facts: soft_labels(**facts, weight=3.0))
    student.train()(student.normalization(batch["image"]))
    loss, logged = term(batch, step=0, total_steps=1)
    assert loss.item() == pytest.approx(3 * logged["soft_labels"].item())


def test_it_looks_at_the_training_pass_only():
    student, teacher = segmenter(4, seed=1), segmenter(4, seed=2)
    term = distillation(student, teacher)
    batch = {"image": pictures(2, 33, 33), "label": torch.zeros(2, 33, 33, dtype=torch.uint8)}
    student.eval()(student.normalization(batch["image"]))
    with pytest.raises(RuntimeError, match="training mode"):
        term(batch, step=0, total_steps=1)


@pytest.mark.parametrize(("objectives", "told"), [([], "none"), ([soft_labels] * 2, "soft_labels")])
def test_objectives_that_are_refused(objectives, told):
    run = StudentContext(student=segmenter(4), load_teacher=lambda _: segmenter(4), seed=0)
    with pytest.raises(ConfigError, match=told):
        Distillation(checkpoint="", objectives=objectives, run=run)


def test_an_export_is_no_teacher():
    with pytest.raises(ConfigError, match=r"checkpoint=run/export/onnx_fp32.onnx: .* no maps"):
        load_teacher("run/export/onnx_fp32.onnx")


def test_adaptors_train_and_the_teacher_does_not(small_run, tmp_path):
    short = ("dataset.train_length=8", "dataset.val_length=2", "trainer.max_epochs=1")
    parts = parts_of(tmp_path, *TEACHING, f"distillation.checkpoint={small_run}", *short)
    term = parts.task.terms[0]
    teacher, before = term._unregistered[0], load_model(small_run).state_dict()
    adaptors = {name: value.clone() for name, value in term.named_parameters()}
    parts.trainer.fit(parts.task, datamodule=parts.data)
    assert not teacher.training
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    trained = [p for group in parts.trainer.optimizers[0].param_groups for p in group["params"]]
    wanted = [*parts.task.model.parameters(), *term.parameters()]
    assert {id(each) for each in trained} == {id(each) for each in wanted}
    assert len(trained) == len(wanted)
    assert [value.shape[:2] for value in adaptors.values() if value.ndim == 4]
    for name, value in term.named_parameters():
        assert not torch.equal(value, adaptors[name])
    content = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    beside = {name for name in content["state_dict"] if not name.startswith("model.")}
    assert beside == {f"terms.0.{name}" for name in adaptors}
    assert read_checkpoint(tmp_path).model_state.keys() == before.keys()


@pytest.mark.slow
def test_a_run_whose_teacher_is_gone_is_used_as_any(small_run, tmp_path):
    teacher, run = tmp_path / "the teacher", tmp_path / "run"
    shutil.copytree(small_run, teacher)
    line = [*SMALL, "distillation=logits", f"distillation.checkpoint={teacher}"]
    line += ["dataset.train_length=8", "dataset.val_length=2", "trainer.max_epochs=1"]
    line += ["trainer.log_every_n_steps=1", f"hydra.run.dir={run}"]
    done = seg("train", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "train/soft_labels" in (run / "metrics.csv").read_text().splitlines()[0]
    shutil.rmtree(teacher)
    assert package.load_model(run).num_classes == 19
    again = seg("evaluate", f"checkpoint={run}", "hydra.run.dir=again", "device=cpu", cwd=tmp_path)
    assert again.returncode == 0, again.stderr


def test_wrong_teachers_end_in_a_few_lines(small_run, tmp_path):
    line = [*SMALL, "distillation=logits", "hydra.run.dir=run"]
    missing = seg("train", *line, "distillation.checkpoint=nowhere", cwd=tmp_path)
    assert missing.returncode == 3
    assert "nowhere: no such file" in missing.stderr
    unnamed = seg("train", *line, cwd=tmp_path)
    assert unnamed.returncode == 2
    assert "distillation.checkpoint: missing" in unnamed.stderr
    merged = "labels.merge={vehicle:[car,truck,bus]}"
    others = seg("train", *line, f"distillation.checkpoint={small_run}", merged, cwd=tmp_path)
    assert others.returncode == 2
    assert "teacher: 19: road" in others.stderr
    assert "student: 17: road" in others.stderr
    assert "Traceback" not in missing.stderr + unnamed.stderr + others.stderr
