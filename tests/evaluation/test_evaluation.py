"""`seg.evaluate`: the same numbers again, honest comparisons, and a record of what was done."""

import csv
import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.functional import jaccard_index

import seg as package
from seg.build.evaluation import build_evaluation
from seg.deployment.exported_model import ExportedModel
from seg.errors import ConfigError, DataError
from seg.evaluation.comparison import FEWEST_IMAGES, compare, table
from seg.evaluation.evaluator import Evaluator
from seg.evaluation.protocol import checkpoint_facts, differences
from seg.evaluation.results_file import read_record
from seg.inference.inference import Inference
from seg.reports.run_reader import read_runs
from seg.reports.scores import headlines
from seg.training.checkpoint import read_checkpoint
from tests.conftest import seg
from tests.deployment.networks import card_of


def evaluation_parts(run, directory, split="val", labels=None):
    return build_evaluation(
        read_checkpoint(run),
        dataset={},
        labels=labels,
        split=split,
        batch_size=None,
        num_workers=0,
        run_dir=directory,
        device="cpu",
    )


def evaluated(run, directory, inference=None, split="val", labels=None):
    parts = evaluation_parts(run, directory, split, labels)
    directory.mkdir()
    checkpoint = read_checkpoint(run)
    facts = checkpoint_facts(checkpoint.path, checkpoint.step)
    Evaluator(parts, inference or Inference(), facts).run(directory)
    return parts


@pytest.fixture(scope="module")
def runs(small_run, tmp_path_factory):
    base = tmp_path_factory.mktemp("evaluations")
    evaluated(small_run, base / "whole")
    evaluated(small_run, base / "flip", Inference(flip=True, window=(48, 64)))
    return base


def numbers(directory):
    return json.loads((directory / "metrics.json").read_text())


def test_training_and_evaluation_give_the_same_numbers(small_run, runs):
    first, second = numbers(small_run), numbers(runs / "whole")
    seconds = {"training_s", "evaluation_s"}
    assert {k: v for k, v in first.items() if k not in seconds} == {
        k: v for k, v in second.items() if k not in seconds
    }
    assert (
        read_record(small_run).content["protocol"]
        == (read_record(runs / "whole").content["protocol"])
    )


def test_the_scores_are_those_of_the_predicted_maps(small_run, runs):
    model = package.load_model(small_run)
    data = evaluated(small_run, runs / "again").data.split("val")
    samples = [data[index] for index in range(len(data))]
    predicted = np.concatenate([model.predict(sample.image).ravel() for sample in samples])
    label = np.concatenate([sample.label.ravel() for sample in samples])
    counted = label != 255
    ious = jaccard_index(
        torch.from_numpy(predicted[counted]).long(),
        torch.from_numpy(label[counted]).long(),
        task="multiclass",
        num_classes=19,
        average=None,
    )
    scores = numbers(runs / "again")
    for name, iou in zip(model.classes, ious.tolist(), strict=True):
        mine = scores[f"val/iou/{name}"]
        assert mine == pytest.approx(iou, abs=1e-6) if mine is not None else iou == 0


def test_the_record_fits_the_numbers(runs):
    record = read_record(runs / "whole")
    content, scores = record.content, record.content["scores"]
    assert scores == {k: v for k, v in numbers(runs / "whole").items() if not k.endswith("_s")}
    assert content["protocol"]["images"] == 6
    assert content["protocol"]["inference"]["flip"] is False
    confusion = np.array(content["confusion"])
    assert confusion.diagonal().sum() / confusion.sum() == pytest.approx(
        scores["val/pixel_accuracy"]
    )
    assert sum(content["calibration"]["count"]) == confusion.sum()
    low, high = content["intervals"]["val/miou"]
    assert low <= np.nanmean(record.replicates["val/miou"]) <= high
    assert content["calibration"]["ece_after"] <= content["calibration"]["ece"] + 0.02
    assert [stratum["name"] for stratum in content["size_strata"]] == ["small", "medium", "large"]


def test_examples_and_the_table_of_images(runs):
    content = read_record(runs / "whole").content
    with (runs / "whole" / "per_image.csv").open() as file:
        rows = {row["name"]: float(row["miou"]) for row in csv.DictReader(file)}
    assert len(rows) == 6
    worst, best = content["examples"]["worst"], content["examples"]["best"]
    assert worst[0]["miou"] == pytest.approx(min(rows.values()), abs=1e-6)
    assert best[0]["miou"] == pytest.approx(max(rows.values()), abs=1e-6)
    for kind in ("image", "label", "prediction", "error"):
        with Image.open(runs / "whole" / worst[0][kind]) as image:
            assert image.size == (128, 64)


def test_an_evaluation_beside_itself_is_noise(small_run, runs):
    comparison = compare([small_run, runs / "whole"])
    assert all(row["difference"] == 0 for row in comparison["scores"] if row["first"] is not None)
    assert {row["verdict"] for row in comparison["scores"]} == {None}  # of six images


def with_images(directory, target, count, **changes):
    """A copy of an evaluation that says it is of so many images."""
    shutil.copytree(directory, target)
    content = json.loads((target / "evaluation.json").read_text())
    content["protocol"] |= {"images": count, **changes}
    content["class_images"] = dict.fromkeys(content["classes"], count)
    (target / "evaluation.json").write_text(json.dumps(content))
    return target


@pytest.mark.parametrize("count", [4, FEWEST_IMAGES - 1, FEWEST_IMAGES])
def test_few_images_give_no_verdict(count, runs, tmp_path):
    first = with_images(runs / "whole", tmp_path / "a", count)
    second = with_images(runs / "flip", tmp_path / "b", count)
    comparison = compare([first, second], ["inference"])
    lines = "\n".join(table(comparison))
    rows = comparison["scores"]
    if count < FEWEST_IMAGES:
        assert {row["verdict"] for row in rows} == {None}
        assert all(math.isnan(row["p"]) for row in rows)
        assert f"no verdict: {count} images" in lines and "significant" not in lines
    else:
        assert {row["verdict"] for row in rows} <= {"noise", "significant"}
        assert "no verdict" not in lines


def test_a_class_in_few_images_of_a_large_split_has_no_verdict(runs, tmp_path):
    content = read_record(runs / "whole").content
    assert content["class_images"]["road"] == 6
    assert all(
        (content["class_images"][name] > 0) == (sum(row) > 0)
        for name, row in zip(content["classes"], content["confusion"], strict=True)
    )
    runs = [with_images(runs / name, tmp_path / name, FEWEST_IMAGES) for name in ("whole", "flip")]
    for counts, hindrance in (
        ({"road": 3}, "no verdict: 3 images"),
        (None, "do not record in how many images"),
    ):
        for run in runs:
            record = json.loads((run / "evaluation.json").read_text())
            record["class_images"] = counts and {**record["class_images"], **counts}
            (run / "evaluation.json").write_text(json.dumps(record))
        comparison = compare(runs, ["inference"])
        rows = {row["key"]: row for row in comparison["scores"]}
        assert rows["val/iou/road"]["verdict"] is None
        assert math.isnan(rows["val/iou/road"]["p"])
        assert rows["val/miou"]["verdict"] is not None
        assert (rows["val/iou/sky"]["verdict"] is None) == (counts is None)
        assert hindrance in "\n".join(table(comparison))


@pytest.mark.slow
def test_scores_are_named_after_the_split(small_run, tmp_path):
    done = seg(
        "evaluate",
        *(f"checkpoint={small_run}", "split=test", "num_workers=0", "device=cpu"),
        *("inference.flip=true", f"hydra.run.dir={tmp_path / 'test'}"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    output = done.stdout + done.stderr
    assert "test mIoU" in output and "nan" not in output and "never predicted: " in output
    record = read_record(tmp_path / "test")
    for scores in (numbers(tmp_path / "test"), record.content["scores"], record.replicates):
        assert "test/miou" in scores
        assert not [key for key in scores if key.startswith("val/")]
    (run,) = read_runs([tmp_path / "test"])
    assert run.score("miou") == numbers(tmp_path / "test")["test/miou"]
    assert run.classes == record.content["classes"]
    assert {each.key for each in headlines(run)} >= {"miou", "pixel_accuracy"}


def test_evaluations_of_earlier_versions_are_read(runs, tmp_path):
    old = with_images(runs / "whole", tmp_path / "old", 6, split="test")
    record = read_record(old)
    assert record.content["scores"]["test/miou"] == numbers(runs / "whole")["val/miou"]
    (run,) = read_runs([old])
    assert run.score("miou") == numbers(runs / "whole")["val/miou"]
    assert run.interval("miou") is not None
    comparison = compare(
        [runs / "whole", with_images(runs / "flip", tmp_path / "new", 6, split="test")],
        ["inference", "split"],
    )
    assert "val/miou | test/miou" in {row["key"] for row in comparison["scores"]}


def test_unlike_protocols_are_not_compared(runs):
    with pytest.raises(ConfigError, match=r"inference.flip: False \| True") as refused:
        compare([runs / "whole", runs / "flip"])
    assert "across=[inference.flip,inference.window]" in str(refused.value)
    across = compare([runs / "whole", runs / "flip"], ["inference"])
    row = next(row for row in across["scores"] if row["key"] == "val/miou")
    assert row["difference"] == pytest.approx(
        numbers(runs / "flip")["val/miou"] - numbers(runs / "whole")["val/miou"]
    )
    assert row["interval"][0] <= row["interval"][1]


@pytest.mark.slow
def test_other_images_are_another_protocol(small_run, runs, tmp_path):
    evaluated(small_run, tmp_path / "test", split="test")
    with pytest.raises(ConfigError, match="split_sha256"):
        compare([runs / "whole", tmp_path / "test"], ["inference", "split"])


def test_differences_have_dotted_keys():
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4}) == {
        "a.c": (2, 3),
        "d": (None, 4),
    }


@pytest.mark.parametrize("text", ["{", "[]", '{"protocol": 1, "scores": {}}'])
def test_a_damaged_record_is_named(runs, tmp_path, text):
    (tmp_path / "evaluation.json").write_text(text)
    (tmp_path / "replicates.npz").write_bytes((runs / "whole" / "replicates.npz").read_bytes())
    with pytest.raises(DataError, match="damaged"):
        read_record(tmp_path)


def test_the_command_compares(runs, tmp_path):
    whole, flip = runs / "whole", runs / "flip"
    refused = seg("evaluate", f"compare=[{whole},{flip}]", cwd=tmp_path)
    assert refused.returncode == 2
    assert "unlike protocols" in refused.stderr
    done = seg("evaluate", f"compare=[{whole},{flip}]", "across=[inference]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (written,) = tmp_path.rglob("comparison.json")
    assert json.loads(written.read_text())["across"] == ["inference"]
    neither = seg("evaluate", cwd=tmp_path)
    assert neither.returncode == 2
    assert "checkpoint=" in neither.stderr


def test_an_export_is_evaluated_on_the_images_as_they_are(small_run, runs):
    parts = evaluation_parts(small_run, runs / "exported")
    network, inputs = parts.model, []

    def engine(image_BCHW):
        inputs.append(image_BCHW)
        return network.forward_image(image_BCHW).values

    model = ExportedModel(card_of(network), engine)
    (runs / "exported").mkdir()
    Evaluator(replace(parts, model=model), Inference(), {}).run(runs / "exported")
    batches = [batch["image"] for batch in parts.data.val_dataloader()]
    for image_BCHW, batch_BCHW in zip(inputs[: len(batches)], batches, strict=True):
        assert torch.equal(image_BCHW, batch_BCHW.float())
    seconds = {"training_s", "evaluation_s"}
    exported, whole = numbers(runs / "exported"), numbers(runs / "whole")
    assert {k: v for k, v in exported.items() if k not in seconds} == {
        k: v for k, v in whole.items() if k not in seconds
    }
