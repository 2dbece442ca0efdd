"""The blocks of Python code in README and docs run as they are printed."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import seg as package
from seg.config.composition import composed
from tests.commands.documented import PAGES
from tests.commands.miniatures import write_banded_images, write_bands, write_own_images
from tests.commands.reductions import typed
from tests.conftest import REPO, seg

_FENCED = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = {page.name: found for page in PAGES if (found := _FENCED.findall(page.read_text()))}
# Names of files that only a reader has, and what takes their place.
FILES = {
    "runs/train/streets/2026-01-01_12-00-00": "run_dir",
    "deeplabv3_cityscapes_train/model.ckpt": "model.pth",
}
HEIGHT_PX, WIDTH_PX = 97, 131


@pytest.fixture
def directory(small_run, tmp_path, monkeypatch):
    """A run and an image."""
    shutil.copytree(small_run, tmp_path / "run_dir")
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    Image.fromarray(pixels).resize((WIDTH_PX, HEIGHT_PX)).save(tmp_path / "street.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(page, *, block=0, **names):
    code = BLOCKS[page][block]
    for name, other in FILES.items():
        code = code.replace(f'"{name}"', f'"{other}"')
    exec(compile(code, page, "exec"), names)
    return names


def test_every_block_has_a_test():
    served = "open-inference.md"  # tests/serving/test_open_inference.py runs it
    pages = ["architecture.md", "export.md", "labelling-loop.md", "plugins.md"]
    assert sorted(BLOCKS) == sorted(["README.md", served, *pages, "prediction.md", "python.md"])
    assert {page: len(blocks) for page, blocks in BLOCKS.items() if len(blocks) > 1} == {
        "export.md": 2
    }


def test_the_block_about_plugins():
    loss = run("plugins.md", torch=torch)["MyLoss"](num_classes=2, ignore_index=255, power=1.0)
    assert isinstance(loss, torch.nn.Module)


def test_the_block_that_copies_the_first_images_of_the_ranking(directory):
    line = ("checkpoint=run_dir", "input=street.jpg", "output=predictions", "formats=[]")
    done = seg("predict", *line, "rank=entropy", cwd=directory)
    assert done.returncode == 0, done.stderr
    run("labelling-loop.md")
    assert [each.name for each in (directory / "next").iterdir()] == ["street.jpg"]


def test_the_blocks_about_a_new_dataset(tmp_path):
    """The option composes with its recipe, and its class reads files laid out as it says."""
    text = (REPO / "docs" / "architecture.md").read_text()
    option = re.search(r"^```yaml\n# conf/(dataset/fields\.yaml)\n(.*?)^```", text, re.M | re.S)
    (tmp_path / "dataset").mkdir()
    (tmp_path / option[1]).write_text(option[2])
    line = ["dataset=fields", f"hydra.searchpath=[{tmp_path}]", f"dataset.root={tmp_path}"]
    config = composed("train", line)
    assert config.encoder.name == "aligned_xception65"
    classes = run("architecture.md")
    module, _, name = config.dataset._target_.rpartition(".")
    assert f"# {module.replace('.', '/')}.py" in BLOCKS["architecture.md"][0]
    for kind, mode in (("images", "RGB"), ("labels", "L")):
        (tmp_path / "train" / kind).mkdir(parents=True)
        Image.new(mode, (4, 3), 1).save(tmp_path / "train" / kind / "a.png")
    dataset = classes[name](split="train", root=config.dataset.root)
    assert (dataset[0].label == 1).all()
    assert dataset.labels.names[1] == "weed"


def test_the_block_that_copies_the_first_images_of_a_ranking(tmp_path, monkeypatch):
    """Equal names in two directories stay apart; near duplicates have no rank."""
    lines = ["rank,image,score,pixels,near_duplicate_of,file"]
    for number, name in enumerate(["a/0", "b/0", "b/1.x", *map(str, range(30))], 1):
        path = tmp_path / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        rank, twin = (number, "") if name != "b/0" else ("", "a/0")
        lines.append(f"{rank},{name},0.5,100,{twin},{path}")
    (tmp_path / "images/c").mkdir()
    (tmp_path / "images/c/0.png").write_text("c/0")
    lines.insert(2, f"2,c/0,0.5,100,,{tmp_path}/images/c/0.png")
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions/ranking.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    run("labelling-loop.md")
    copies = {path.relative_to("next").as_posix() for path in Path("next").rglob("*.png")}
    assert copies == {"a/0.png", "c/0.png", "b/1.x.png", *(f"{at}.png" for at in range(17))}
    assert all((tmp_path / "next" / name).read_text() + ".png" == name for name in copies)


@pytest.mark.slow
def test_the_block_about_python(directory, capsys):
    (directory / "runs").mkdir()
    (directory / "run_dir").rename(directory / "runs" / "mine")
    (directory / "images").mkdir()
    (directory / "street.jpg").rename(directory / "images" / "street.jpg")
    write_own_images(directory / "DIR")
    names = run("python.md")
    assert names["scores"]["val/miou"] > 0
    assert capsys.readouterr().out.splitlines()[1:] == ["predictions/street.png"]
    assert names["model"].eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 3, 64, 64)
    assert names["train"][0].label.ndim == 2


@pytest.mark.slow
def test_the_block_of_the_readme(directory):
    torch.manual_seed(0)
    published = package.create_model("aligned_xception65", "deeplabv3plus", num_classes=19)
    torch.save(published.state_dict(), directory / "model.pth")
    names = run("README.md")
    assert names["label"].shape == (HEIGHT_PX, WIDTH_PX)
    assert names["encoder"].output_stride == 8
    loaded = names["model"].state_dict()
    assert all(torch.equal(each, loaded[name]) for name, each in published.state_dict().items())
    features = names["unet"].eval().encoder(torch.zeros(1, 3, 64, 64))
    assert features[-1].shape[-1] == 2


@pytest.mark.slow
def test_the_block_about_prediction(directory):
    names = run("prediction.md")
    assert names["label"].shape == (HEIGHT_PX, WIDTH_PX)
    assert names["label"].max() < len(names["model"].classes) == len(names["model"].palette)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_the_block_about_exports(directory):
    pytest.importorskip("onnxruntime")
    line = typed("python -m seg.export checkpoint=RUN_DIR format=onnx output_kind=logits")
    done = seg(*line, "output=onnx_fp32.onnx", cwd=directory)
    assert done.returncode == 0, done.stderr
    label = run("export.md")["label"]
    network = package.load_model(directory / "run_dir")
    assert (label == network.predict(directory / "street.jpg")).mean() > 0.999


@pytest.mark.slow
def test_the_block_about_stored_values(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("rasterio")
    write_banded_images(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    line = typed("python -m seg.train dataset=folder dataset.root=DIR 'dataset.bands=[1,2,3,8]'")
    done = seg(*line, "dataset.scaling=percentiles", "hydra.run.dir=run_dir", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    line = typed("python -m seg.export checkpoint=RUN_DIR format=onnx input_kind=stored")
    done = seg(
        *line, "output=onnx_fp32_labels_stored.onnx", "tolerance.agreement=0.9", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    write_bands(tmp_path / "scene.tif", 8)
    label = run("export.md", block=1)["label"]
    network = package.load_model(tmp_path / "run_dir")
    assert (label == network.predict(tmp_path / "scene.tif")).mean() > 0.99
