"""The ranking of images by uncertainty: its numbers against numpy, its files by the command."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy.stats import entropy as scipy_entropy

from seg.build.models import load_model
from seg.config.commands import RankingOptions
from seg.data.label_space import LabelSpace
from seg.data.outputs import Outputs
from seg.dataset_tools.duplicates import ICON_PX, thin
from seg.inference.image_source import ArrayRaster
from seg.inference.inference import Inference
from seg.prediction.items import Item
from seg.prediction.ranking.ranking import Ranking
from seg.prediction.ranking.thumbnail import SIDE_PX, Thumbnail
from seg.prediction.ranking.top_share import TopShare
from seg.prediction.writer import ItemRows
from tests.conftest import seg
from tests.prediction.conftest import (
    CONFIG,
    altered,
    files_in,
    film,
    format_settings,
    predict,
    write,
)

RANK = ("formats=[]", "rank=entropy")


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 1.0])
def test_the_mean_of_the_largest_values_is_that_of_numpy(share):
    values = np.random.default_rng(0).random(5003).astype(np.float32) ** 4
    top = TopShare()
    for part in np.array_split(values, 7):
        top.add(part)
    most = int(np.ceil(share * len(values)))
    assert top.mean(share) == pytest.approx(np.sort(values)[-most:].mean(), abs=2e-5)
    assert TopShare().mean(share) is None


def test_a_thumbnail_is_the_mean_of_cells_however_the_rows_come():
    random = np.random.default_rng(0)
    size = (2 * SIDE_PX + 31, 45)
    image_HW3 = random.integers(0, 256, (*size, 3), np.uint8)
    values_HW = random.random(size).astype(np.float32)
    label_HW = random.integers(0, 9, size, np.uint8)
    small = Thumbnail(*size)
    raster = ArrayRaster(image_HW3)
    for top in range(0, size[0], 50):
        rows = slice(top, min(top + 50, size[0]))
        small.add(ItemRows(raster, rows, label_HW[rows]), values_HW[rows])
    cells = [
        (slice(3 * y, 3 * y + 3), slice(3 * x, 3 * x + 3)) for y in (0, 100, 330) for x in (0, 14)
    ]
    for rows, columns in cells:
        place = rows.start // 3, columns.start // 3
        assert small.uncertainty_HW[place] == pytest.approx(
            values_HW[rows, columns].mean(), abs=1e-6
        )
        mean = image_HW3[rows, columns].mean((0, 1))
        assert np.abs(small.image_HW3[place] - mean).max() <= 0.5
    assert small.label_HW.shape == small.uncertainty_HW.shape == (331, 15)
    assert small.label_HW[100, 14] == label_HW[301, 43]


def test_near_duplicates_go_by_the_first_of_their_kind():
    icons = np.random.default_rng(0).integers(0, 256, (700, ICON_PX, ICON_PX), np.uint8)
    icons[3] = icons[650] = icons[1]
    icons[[5, 690]] = 7  # flat
    assert [(at, first) for at, first in enumerate(thin(icons)) if first is not None] == [
        *((3, 1), (650, 1), (690, 5))
    ]


def test_the_most_uncertain_images_come_first_and_copies_last(checkpoint, pictures, tmp_path):
    shutil.copy(pictures / "a/0.png", pictures / "copy.png")
    done = predict(checkpoint, pictures, *RANK, "ranking.top=3", "ranking.share=0.1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(files_in(tmp_path / "out")) == ["manifest.jsonl", "ranking.csv", "ranking.html"]
    rows = table(tmp_path / "out/ranking.csv")
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5", "6", ""]
    assert {rows[-1]["image"], rows[-1]["near_duplicate_of"]} == {"a/0", "copy"}
    model = load_model(checkpoint)
    expected = {}
    for row in rows:
        raster = ArrayRaster(np.array(Image.open(row["file"])))
        (block,) = Inference().iter_row_blocks(model, raster, probabilities=True)
        values = np.sort(scipy_entropy(block.probabilities_KHW, axis=0, base=19).ravel())
        expected[row["image"]] = values[-int(np.ceil(0.1 * values.size)) :].mean()
        assert float(row["score"]) == pytest.approx(expected[row["image"]], abs=2e-5)
    scores = [float(row["score"]) for row in rows[:-1]]
    assert scores == sorted(scores, reverse=True)
    page = (tmp_path / "out/ranking.html").read_text()
    assert page.count("<figure>") == 3
    assert page.count("data:image/jpeg;base64,") == 9
    assert "http" not in page.replace('http-equiv="', "")


def test_shards_and_a_second_call_give_the_bytes_of_one(checkpoint, pictures, tmp_path):
    predict(checkpoint, pictures, *RANK, cwd=tmp_path)
    whole = files_in(tmp_path / "out")
    for shard in range(2):
        line = (*RANK, "num_shards=2", f"shard={shard}")
        assert predict(checkpoint, pictures, *line, cwd=tmp_path, output="parts").returncode == 0
    parts = files_in(tmp_path / "parts")
    assert all(parts[name] == whole[name] for name in ("ranking.csv", "ranking.html"))
    assert predict(checkpoint, pictures, *RANK, cwd=tmp_path).returncode == 0
    assert files_in(tmp_path / "out") == whole


def test_frames_are_ranked_by_the_disagreement_of_passes(checkpoint, tmp_path):
    film(tmp_path / "in/clip.avi", frames=2)
    line = ("formats=[]", "rank=disagreement", "inference.flip=true")
    done = predict(checkpoint, tmp_path / "in", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = table(tmp_path / "out/ranking.csv")
    assert {row["image"] for row in rows} == {"clip/000000", "clip/000001"}
    assert all(0 <= float(row["score"]) <= 1 for row in rows)


def test_one_network_in_one_pass_cannot_disagree(checkpoint, pictures, tmp_path):
    done = predict(checkpoint, pictures, "rank=disagreement", cwd=tmp_path)
    assert done.returncode == CONFIG
    assert "ranking.others=[RUN_A,RUN_B]" in done.stderr
    assert not (tmp_path / "out").exists()
    for number, remedy in enumerate(("rank=disagreement inference.flip=true", "rank=entropy")):
        line = ("formats=[]", *remedy.split())
        done = predict(checkpoint, pictures / "a", *line, cwd=tmp_path, output=str(number))
        assert done.returncode == 0, done.stderr
    line = ("rank=entropy", f"ranking.others=[{checkpoint}]")
    done = predict(checkpoint, pictures, *line, cwd=tmp_path)
    assert done.returncode == CONFIG
    assert "give rank=disagreement" in done.stderr


def test_equal_weights_agree_and_one_file_twice_is_refused(checkpoint, pictures, tmp_path):
    line = ("formats=[]", "rank=disagreement")
    copy = shutil.copy(checkpoint, tmp_path / "copy.ckpt")
    same = altered(checkpoint, tmp_path / "later.ckpt", lambda content: content.update(epoch=7))
    for others, name in (([copy], copy), ([same, same], same)):
        listed = f"ranking.others=[{','.join(map(str, others))}]"
        done = predict(checkpoint, pictures, *line, listed, cwd=tmp_path)
        assert done.returncode == CONFIG
        assert f"ranking.others: {name} is a network that is compared already" in done.stderr
        assert not (tmp_path / "out").exists()
    done = predict(checkpoint, pictures, *line, f"ranking.others=[{same}]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(float(row["score"]) < 1e-5 for row in table(tmp_path / "out/ranking.csv"))


@pytest.mark.parametrize("measure", ["entropy", "margin"])
def test_the_score_of_classes_that_overlap_is_that_of_numpy(measure, tmp_path):
    """Codes of sets of classes go up to 7 of 3 classes; 255 is no data."""
    names, size = ("bar", "disk", "far"), (30, 40)
    outputs = Outputs.multi_label(names).with_thresholds((0.5, 0.25, 0.5))
    labels = LabelSpace(names, ((255, 0, 0), (0, 0, 255), (0, 255, 0)), (), 255, outputs)
    random = np.random.default_rng(0)
    shares_KHW = random.uniform(0.01, 0.99, (3, *size)).astype(np.float32)
    codes_HW = random.integers(0, 8, size).astype(np.uint8)
    codes_HW[:3, :4] = 255
    options = {"rank": measure, "ranking": RankingOptions(share=0.1, top=2, others=[])}
    settings = format_settings(tmp_path, labels, formats=[], **options)
    _, part = write(Ranking, settings, Item("a", "a.png"), codes_HW, probabilities_KHW=shares_KHW)
    limits = np.array(outputs.thresholds)[:, None, None]
    values_HW = {
        "entropy": scipy_entropy(np.stack([shares_KHW, 1 - shares_KHW]), base=2).mean(0),
        "margin": np.minimum(shares_KHW / limits, (1 - shares_KHW) / (1 - limits)).mean(0),
    }[measure]
    values = np.sort(values_HW[codes_HW != 255])
    assert part["pixels"] == values.size == 1200 - 12
    assert part["score"] == pytest.approx(values[-119:].mean(), abs=2e-5)


def test_images_without_data_are_counted_apart(tmp_path, caplog):
    labels = LabelSpace.identity(("land", "water"), ((9, 99, 9), (9, 9, 199)))
    options = {"rank": "entropy", "ranking": RankingOptions(share=0.1, top=2, others=[])}
    settings = format_settings(tmp_path, labels, formats=[], **options)
    done = []
    shares_KHW = np.full((2, 20, 20), 0.5, np.float32)
    for name, value in (("empty", 255), ("whole", 0), ("copy", 1)):
        item = Item(name, f"{name}.png")
        label_HW = np.full((20, 20), value, np.uint8)
        made, part = write(Ranking, settings, item, label_HW, probabilities_KHW=shares_KHW)
        done.append((item, {"parts": {"ranking": part}, "size": (20, 20)}))
    made.merge(done)
    caplog.set_level("INFO")
    made.log_summary(done)
    assert "1 images by entropy, 1 near duplicates of them and 1 without data last" in caplog.text
    rows = table(tmp_path / "ranking.csv")
    assert [(row["rank"], row["image"]) for row in rows] == [
        ("1", "whole"),
        ("", "copy"),
        ("", "empty"),
    ]
    for records, text in ((done[:1], "No image has pixels with data"), ([], "could be read")):
        made.merge(records)
        assert text in (tmp_path / "ranking.html").read_text()


@pytest.mark.slow
def test_an_export_of_labels_alone_is_refused(checkpoint, pictures, tmp_path):
    """What the message offers is typed."""
    pytest.importorskip("onnxruntime")
    for kind in ("labels", "logits"):
        line = (f"checkpoint={checkpoint}", "format=onnx", f"output_kind={kind}", "device=cpu")
        done = seg("export", *line, f"output={tmp_path / kind}.onnx", "num_images=2", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    done = predict(tmp_path / "labels.onnx", pictures, *RANK, cwd=tmp_path)
    assert done.returncode == CONFIG
    assert "output_kind=logits" in done.stderr
    assert not (tmp_path / "out").exists()
    assert predict(tmp_path / "logits.onnx", pictures, *RANK, cwd=tmp_path).returncode == 0
