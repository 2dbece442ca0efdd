"""Train, evaluate, predict and load, as a user does."""

import csv
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

import seg as package
from seg.data.datasets.streets import Streets
from tests.conftest import SMALL, seg


def numbers(run):
    return json.loads((run / "metrics.json").read_text())


def test_the_run_directory_is_complete(small_run):
    found = {
        path.relative_to(small_run).as_posix() for path in small_run.rglob("*") if path.is_file()
    }
    assert {
        "config.yaml",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "metrics.csv",
        "metrics.json",
        "predictions.png",
    } <= found
    assert any(name.startswith("tensorboard/events") for name in found)


def test_metrics_have_flat_keys(small_run):
    metrics = numbers(small_run)
    names = package.load_model(small_run).classes
    assert {"val/miou", "val/pixel_accuracy", "val/loss", "training_s", "evaluation_s"} <= set(
        metrics
    )
    assert {f"val/iou/{name}" for name in names} <= set(metrics)
    present = [
        metrics[f"val/iou/{name}"] for name in names if metrics[f"val/iou/{name}"] is not None
    ]
    assert metrics["val/miou"] == pytest.approx(sum(present) / len(present))


def test_the_best_epoch_of_the_curve_is_what_is_reported(small_run):
    with (small_run / "metrics.csv").open() as file:
        curve = [float(row["val/miou"]) for row in csv.DictReader(file) if row["val/miou"]]
    assert len(curve) == 2
    assert numbers(small_run)["val/miou"] == pytest.approx(max(curve), abs=1e-6)


def test_the_checkpoint_is_plain(small_run):
    content = torch.load(small_run / "checkpoints" / "best.ckpt", weights_only=True)
    assert content["seg"]["config"]["encoder"]["name"] == "aligned_xception_tiny"
    assert len(content["seg"]["labels"]["names"]) == 19


def test_evaluate_equals_the_training_exactly(small_run, tmp_path):
    done = seg(
        "evaluate",
        f"checkpoint={small_run}",
        f"hydra.run.dir={tmp_path / 'e'}",
        "device=cpu",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    ours, theirs = numbers(tmp_path / "e"), numbers(small_run)
    for key in theirs:
        if key.startswith("val/"):
            assert ours[key] == theirs[key], key


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_with_any_workers(small_run, tmp_path):
    run = tmp_path / "run"
    done = seg("train", *SMALL, "loader.num_workers=2", f"hydra.run.dir={run}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again, first = numbers(run), numbers(small_run)
    scores = [key for key in first if key.startswith("val/")]
    assert {key: again[key] for key in scores} == {key: first[key] for key in scores}


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_mixed_precision_on_a_gpu(precision, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    run = tmp_path / "run"
    line = [*SMALL, "trainer.accelerator=gpu", f"trainer.precision={precision}"]
    done = seg("train", *line, f"hydra.run.dir={run}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert math.isfinite(numbers(run)["val/loss"])


def test_evaluate_another_split_and_data_set(small_run, tmp_path):
    line = [
        "dataset=streets",
        "dataset.size=[64,96]",
        "dataset.test_length=3",
        "split=test",
        "device=cpu",
    ]
    done = seg(
        "evaluate",
        f"checkpoint={small_run}",
        *line,
        f"hydra.run.dir={tmp_path / 'e'}",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "on 3 images" in done.stdout + done.stderr


def test_predict_a_folder_with_one_damaged_picture(small_run, tmp_path):
    pictures = tmp_path / "pictures"
    (pictures / "deep").mkdir(parents=True)
    sample = Streets(split="test", size=(64, 128))[0]
    Image.fromarray(sample.image).save(pictures / "a.png")
    Image.fromarray(sample.image[:51, :77]).save(pictures / "deep" / "b.jpg")
    (pictures / "broken.png").write_bytes((pictures / "a.png").read_bytes()[:500])
    done = seg(
        "predict",
        f"checkpoint={small_run}",
        f"input={pictures}",
        f"output={tmp_path / 'out'}",
        cwd=tmp_path,
    )
    assert done.returncode == 3
    assert "broken.png" in done.stderr
    assert "Traceback" not in done.stderr
    out = tmp_path / "out"
    with Image.open(out / "a.png") as label:
        assert label.mode == "P"
        model = package.load_model(small_run)
        assert np.array_equal(np.asarray(label), model.predict(pictures / "a.png"))
    with Image.open(out / "deep" / "b.png") as label:
        assert label.size == (77, 51)
    with Image.open(out / "deep" / "b_overlay.png") as overlay:
        assert overlay.mode == "RGB"
    assert not (tmp_path / "out" / "broken.png").exists()


def test_load_model_takes_paths_arrays_and_pil(small_run, tmp_path):
    model = package.load_model(small_run / "checkpoints" / "last.ckpt")
    image = Streets(split="test", size=(64, 128))[1].image
    Image.fromarray(image).save(tmp_path / "x.png")
    label = model.predict(image)
    assert label.dtype == np.uint8
    assert label.shape == (64, 128)
    assert np.array_equal(label, model.predict(Image.fromarray(image)))
    assert np.array_equal(label, model.predict(str(tmp_path / "x.png")))
    assert len(model.palette) == len(model.classes) == 19
    logits = model(model.normalization(torch.from_numpy(image.copy()).permute(2, 0, 1)[None]))
    assert np.array_equal(label, logits.argmax(1)[0].byte().numpy())
    with pytest.raises(ValueError, match="uint8 RGB array"):
        model.predict(image.astype(np.float32))


def test_dry_run_trains_nothing_and_tells_sizes(tmp_path):
    done = seg("train", *SMALL, "dry_run=true", f"hydra.run.dir={tmp_path / 'run'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for word in ("4 x 3 x 64 x 96", "M parameters", "GiB at peak", "a step"):
        assert word in done.stdout + done.stderr
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.slow
def test_multirun_gives_each_job_its_directory_and_value(tmp_path):
    sweep = tmp_path / "sweep"
    line = [
        "-m",
        *SMALL,
        "trainer.max_epochs=1",
        "optimizer.lr=1e-3,1e-2",
        f"hydra.sweep.dir={sweep}",
    ]
    done = seg("train", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    values = [numbers(sweep / str(job))["val/miou"] for job in range(2)]
    assert all(math.isfinite(value) for value in values)
    assert [
        f"lr: {rate}" in (sweep / str(job) / "config.yaml").read_text()
        for job, rate in enumerate(("0.001", "0.01"))
    ] == [True, True]
