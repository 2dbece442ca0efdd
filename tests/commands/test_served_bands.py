"""Networks of other bands and types than 8-bit RGB: trained, evaluated, predicted, exported."""

import json

import numpy as np
import pytest
from PIL import Image

import seg as package
from tests.commands.band_sets import SETS, write_set
from tests.conftest import seg

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")]

FEW = (
    *("encoder=aligned_xception_micro", "augmentation=none", "optimizer=adamw"),
    *("loader.batch_size=2", "loader.num_workers=0", "trainer.accelerator=cpu"),
    *("trainer.max_epochs=20", "trainer.check_val_every_n_epoch=10"),
)


@pytest.fixture(scope="module", params=SETS)
def trained(request, tmp_path_factory):
    """Root of a set and its run directory."""
    pytest.importorskip("rasterio")
    home, name = tmp_path_factory.mktemp(request.param), request.param
    write_set(home / "set", name)
    line = ("dataset=folder", f"dataset.root={home / 'set'}", *SETS[name][2], *FEW)
    done = seg("train", *line, f"hydra.run.dir={home / 'run'}", cwd=home)
    assert done.returncode == 0, done.stderr
    return home


def stored_values(path):
    """Values as they are stored, C x H x W."""
    if path.suffix == ".png":
        return np.asarray(Image.open(path))[None]
    import rasterio

    with rasterio.open(path) as file:
        return file.read()


def written_labels(path):
    """A predicted label map, and its value of pixels without data."""
    if path.suffix == ".png":
        return np.asarray(Image.open(path)), 255
    import rasterio

    with rasterio.open(path) as file:
        return file.read(1), file.nodata


def test_every_command_reads_the_same_values(trained, tmp_path):
    checkpoint = f"checkpoint={trained / 'run'}"
    done = seg(
        "evaluate", checkpoint, "device=cpu", f"hydra.run.dir={tmp_path / 'e'}", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    model = package.load_model(trained / "run")
    record = json.loads((tmp_path / "e/evaluation.json").read_text())
    assert record["scores"]["val/miou"] > 0.9
    assert record["images"] == json.loads(json.dumps(model.decoding.to_dict()))
    assert f"images     {model.decoding}" in done.stdout + done.stderr
    assert (tmp_path / "e/examples/worst_0_image.jpg").exists()
    images = sorted((trained / "set/images/val").iterdir())
    expected = {path.stem: model.predict(path) for path in images}
    line = (f"input={images[0].parent}", "device=cpu", "engine=torch")
    for output, options in (("whole", ()), ("windows", ("inference.window=[65,65]",))):
        choice = () if not options else ("inference=sliding",)
        done = seg(
            "predict", checkpoint, *line, *choice, *options, f"output={output}", cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        for path in images:
            suffix = ".png" if path.suffix == ".png" else ".tif"
            label_HW, no_data = written_labels(tmp_path / output / (path.stem + suffix))
            values_CHW = stored_values(path)
            label_of = model.predict(values_CHW.transpose(1, 2, 0))
            np.testing.assert_array_equal(label_of, expected[path.stem])
            assert (label_HW == label_of).mean() > (0.95 if options else 0.9999)
            missing_HW = np.isnan(values_CHW).any(0)
            np.testing.assert_array_equal(label_HW == no_data, missing_HW)


def test_plain_onnx_runtime_gives_the_labels_of_raw_values(trained, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = tmp_path / "a.onnx"
    line = (f"checkpoint={trained / 'run'}", "input_kind=stored", f"output={path}")
    done = seg("export", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    usage = json.loads((tmp_path / "a.onnx.json").read_text())["usage"]
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    images = sorted((trained / "set/images/val").iterdir())
    line = (f"input={images[0].parent}", "device=cpu", "engine=torch", "values=index")
    for checkpoint, output in ((trained / "run", "network"), (path, "export")):
        choice = (f"checkpoint={checkpoint}", f"output={output}", "formats=[labels]")
        done = seg("predict", *choice, *line, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    for image in images:
        values_CHW = stored_values(image)
        assert values_CHW.dtype == usage["input"]["type"]
        (label_BHW,) = session.run(None, {"image": values_CHW[None]})
        suffix = ".png" if image.suffix == ".png" else ".tif"
        predicted_HW, _ = written_labels(tmp_path / "network" / (image.stem + suffix))
        np.testing.assert_array_equal(label_BHW[0], predicted_HW)
        exported_HW, _ = written_labels(tmp_path / "export" / (image.stem + suffix))
        np.testing.assert_array_equal(exported_HW, predicted_HW)
