"""`seg.export`, and `seg.predict` and `seg.evaluate` of what it writes."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.conftest import seg

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def exported(small_run, tmp_path_factory):
    for module in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(module)
    line = (f"checkpoint={small_run}", "output_kind=logits")
    done = seg("export", *line, cwd=tmp_path_factory.mktemp("export"))
    assert done.returncode == 0, done.stderr
    path = small_run / "export" / "onnx_fp32.onnx"
    assert f"{path}: onnx fp32" in done.stdout
    return path


def test_evaluate_gives_the_scores_of_the_checkpoint(exported, small_run, tmp_path):
    scores = []
    for name, checkpoint in (("torch", small_run), ("onnx", exported)):
        done = seg(
            "evaluate",
            f"checkpoint={checkpoint}",
            "device=cpu",
            f"hydra.run.dir={tmp_path / name}",
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        scores.append(json.loads((tmp_path / name / "metrics.json").read_text()))
        facts = json.loads((tmp_path / name / "evaluation.json").read_text())["checkpoint"]
        assert facts["engine"] == {"torch": "torch", "onnx": "onnx fp32"}[name]
    assert scores[0]["val/miou"] == pytest.approx(scores[1]["val/miou"], abs=1e-4)
    assert scores[0]["val/loss"] == pytest.approx(scores[1]["val/loss"], rel=1e-4)


def test_predict_takes_the_export_that_is_there(exported, small_run, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (65, 97, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "picture.png")
    maps = []
    choices = {
        "torch": (f"checkpoint={small_run}", "engine=torch"),
        "auto": (f"checkpoint={small_run}",),
        "file": (f"checkpoint={exported}",),
    }
    for name, choice in choices.items():
        output = tmp_path / name
        done = seg(
            "predict",
            *choice,
            f"input={tmp_path / 'picture.png'}",
            f"output={output}",
            "formats=[labels]",
            "device=cpu",
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        assert ("onnx_fp32.onnx" in done.stdout + done.stderr) == (name == "auto")
        maps.append(np.asarray(Image.open(output / "picture.png")))
    assert (maps[0] == maps[1]).mean() > 0.999
    assert np.array_equal(maps[1], maps[2])


def test_labels_are_exported_by_default(small_run, tmp_path):
    done = seg("export", f"checkpoint={small_run}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    path = small_run / "export" / "onnx_fp32_labels.onnx"
    assert f"{path}: onnx fp32" in done.stdout
    image = np.random.default_rng(0).integers(0, 256, (65, 97, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "image.png")
    maps = []
    for name, checkpoint in (("labels", path), ("torch", small_run)):
        line = (f"checkpoint={checkpoint}", f"input={tmp_path / 'image.png'}", "engine=torch")
        done = seg("predict", *line, f"output={tmp_path / name}", "device=cpu", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        maps.append(np.asarray(Image.open(tmp_path / name / "image.png")))
    assert (maps[0] == maps[1]).mean() > 0.999
    done = seg("evaluate", f"checkpoint={path}", "device=cpu", cwd=tmp_path)
    assert done.returncode == 2
    assert "export it with output_kind=logits" in done.stderr
    path.unlink()


def offered(done, pattern):
    assert done.returncode != 0, done.stdout
    return re.search(pattern, done.stderr)[1].removeprefix("python -m seg.").split()


@pytest.mark.parametrize("kind", ["logits", "labels"])
def test_what_is_offered_for_an_export_is_typed(kind, small_run, tmp_path):
    for module in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(module)
    Image.new("RGB", (96, 64)).save(tmp_path / "image.png")
    path = tmp_path / "a.onnx"
    choice = (f"checkpoint={small_run}", f"output={path}", f"output_kind={kind}", "num_images=2")

    def use(*choices):
        line = (f"checkpoint={path}", f"input={tmp_path / 'image.png'}", "device=cpu")
        return seg("predict", *line, "output=predicted", *choices, cwd=tmp_path)

    done = seg("export", *choice, "size=[32,48]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    if kind == "logits":
        windows = offered(use(), r"larger ones by (inference\.window=\S+), or")
        done = use(*windows)
        assert done.returncode == 0, done.stderr
    else:
        assert "inference.window=" not in use("skip_existing=false").stderr
    size = offered(use("skip_existing=false"), r"export it with (size=null)")
    path.with_name("a.onnx.json").unlink()
    command, *words = offered(use(), r"export it again: (python -m seg\.export)$")
    path.unlink()
    done = seg(command, *words, *choice, *size, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = use("skip_existing=false")
    assert done.returncode == 0, done.stderr


def test_a_refused_export_ends_with_its_code(small_run, tmp_path):
    output = tmp_path / "refused.pt2"
    done = seg(
        "export",
        f"checkpoint={small_run}",
        "format=pt2",
        "precision=bf16",
        "tolerance.agreement=1",
        "tolerance.miou_points=0",
        "num_images=2",
        f"output={output}",
        cwd=tmp_path,
    )
    assert done.returncode == 3, done.stderr
    assert "is not the network" in done.stderr
    assert not output.exists()


def test_a_wrong_format_is_told(small_run, tmp_path):
    done = seg("export", f"checkpoint={small_run}", "format=onx", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean onnx" in done.stderr
