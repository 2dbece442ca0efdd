"""Parts of packages outside seg: what names them, and who may not."""

import os
import subprocess
import sys

import pytest
import torch
from omegaconf import OmegaConf

from seg.build.models import load_model
from seg.build.segmentation import build_segmentation
from seg.config import plugins
from seg.config.allowed_targets import FILE, Author, locate
from seg.config.composition import composed, search_in_plugins
from seg.config.help import help_text
from seg.config.recorded_overrides import check_recorded
from seg.config.schema import TrainConfig, validate
from seg.config.target_validation import check
from seg.errors import ConfigError, DataError
from tests.conftest import REPO, seg
from tests.outside_package import CHOICES, NAME, TARGETS, TINY, write_package

ENCODER, LOSS = TARGETS["encoder"], TARGETS["loss"]
LOSS_ARGS = ("num_classes", "ignore_index")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The directory of an outside package, on the path and named by `SEG_PLUGINS`."""
    directory = write_package(tmp_path / "package")
    monkeypatch.syspath_prepend(directory)
    monkeypatch.setenv("SEG_PLUGINS", NAME)
    yield directory
    for name in [each for each in sys.modules if each.partition(".")[0] == NAME]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def plugin_run(tmp_path_factory):
    """The run of a training with the parts of a package on `PYTHONPATH`."""
    place = tmp_path_factory.mktemp("plugins")
    path = os.pathsep.join([str(REPO), str(write_package(place / "package"))])
    environment = {**os.environ, "PYTHONPATH": path, "SEG_PLUGINS": NAME}
    done = subprocess.run(
        [sys.executable, "-m", "seg.train", *CHOICES, *TINY, "hydra.run.dir=run"],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return place / "run"


def test_a_users_configuration_names_parts_of_a_plugin(package):
    assert locate(LOSS, "loss").__name__ == "Brier"
    check({"_target_": LOSS, "power": 1.0}, "loss", LOSS_ARGS)
    terms = [{"_target_": LOSS, "_partial_": True}]
    total = {"_target_": "seg.losses.weighted_sum.WeightedSum", "weights": [1.0], "terms": terms}
    check(total, "loss", LOSS_ARGS)
    config = composed("train", ["loss=brier", "encoder=patches"])
    assert config.loss._target_ == LOSS
    assert (
        config.decoder.aspp_channels
        == composed("train", ["decoder=deeplabv3plus_small"]).decoder.aspp_channels
    )
    assert "loss: bce, bce_dice, brier, cross_entropy" in help_text("train", [])


def test_a_file_names_none(package):
    terms = [{"_target_": LOSS, "_partial_": True}]
    total = {"_target_": "seg.losses.weighted_sum.WeightedSum", "weights": [1.0], "terms": terms}
    for key, node, given in (
        ("encoder", {"_target_": ENCODER}, ("in_channels",)),
        ("loss", total, LOSS_ARGS),
        ("dataset", {"_target_": TARGETS["dataset"]}, ("split",)),
    ):
        with pytest.raises(ConfigError, match=r"cannot choose it\n.* 'plugins=\[my_parts\."):
            check(node, key, given, FILE)
    assert not [name for name in sys.modules if name.startswith(NAME)]
    with pytest.raises(ConfigError, match="is not registered for loss"):
        check_recorded([f"loss._target_={LOSS}"], package)
    check_recorded(["loss=brier"], package)


def test_a_file_names_what_the_user_names_for_it(package):
    check({"_target_": ENCODER}, "encoder", ("in_channels",), Author(False, (ENCODER,)))
    with pytest.raises(ConfigError, match=rf"'plugins=\[{ENCODER},{LOSS}\]'"):
        check({"_target_": LOSS}, "loss", LOSS_ARGS, Author(False, (ENCODER,)))
    # naming opens nothing of seg or of Python
    for target in ("seg.io.atomic.write_json", "os.system"):
        with pytest.raises(ConfigError, match="not allowed"):
            check({"_target_": target}, "loss", LOSS_ARGS, Author(False, (target,)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nothing_there",
            r"plugin nothing_there of SEG_PLUGINS: there is no such module\n.*PYTHONPATH",
        ),
        ("my-parts", r"plugin my-parts of SEG_PLUGINS: is no name of a module"),
        ("./my_parts", r"is no name of a module"),
        ("my_parts.nothing.there", r"ModuleNotFoundError: No module named 'my_parts.nothing'"),
        ("os", r"os is a library that seg uses itself"),
        ("seg.losses", r"seg is a library that seg uses itself"),
        (f"{NAME},torch", r"torch is a library that seg uses itself"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_named(name, message, package, monkeypatch):
    monkeypatch.setenv("SEG_PLUGINS", name)
    with pytest.raises(ConfigError, match=message) as error:
        search_in_plugins()
    assert len(str(error.value).splitlines()) == 2


def test_faults_inside_a_plugin_are_named(package):
    (package / NAME / "broken.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(ConfigError, match=r"plugin my_parts .*: my_parts\.broken cannot be import"):
        locate(f"{NAME}.broken.Loss", "loss")
    for target in (f"{NAME}.nothing.Loss", f"{NAME}.loss.Nothing"):
        with pytest.raises(ConfigError, match="there is no such class or function"):
            locate(target, "loss")
    with pytest.raises(ConfigError, match=r"not allowed; is no torch\.nn\.Module"):
        locate(TARGETS["dataset"], "loss")
    with pytest.raises(ConfigError, match="not allowed; lacks the argument samples, statistics"):
        check({"_target_": TARGETS["dataset"]}, "sampler", ("samples", "statistics"))


def test_no_plugin_takes_the_name_of_an_option(package):
    (package / NAME / "conf" / "loss" / "dice.yaml").write_text(f"_target_: {LOSS}\n")
    with pytest.raises(
        ConfigError, match=r"plugin my_parts .*: conf/loss/dice.yaml is there in seg"
    ):
        search_in_plugins()


def test_an_installed_package_declares_itself(tmp_path, monkeypatch):
    """By the metadata that an installation leaves."""
    directory = write_package(tmp_path)
    metadata = directory / "my_parts-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-parts\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[seg.plugins]\nany_name = {NAME}\n")
    monkeypatch.delenv("SEG_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(directory)
    plugins._installed.cache_clear()
    try:
        assert [(each.name, each.origin) for each in plugins.plugins()] == [(NAME, "my-parts")]
        assert plugins.plugin_of(LOSS).conf_dirs == [directory / NAME / "conf"]
        (directory / NAME / "__init__.py").rename(directory / "gone.py")
        (directory / NAME).rename(directory / "away")
        with pytest.raises(ConfigError, match=r"of my-parts: .*\n  .*pip uninstall my-parts"):
            search_in_plugins()
    finally:
        plugins._installed.cache_clear()


@pytest.mark.slow
def test_a_run_goes_on_where_its_plugin_is_named(plugin_run, monkeypatch):
    """The processes find the package in their working directory."""
    place = plugin_run.parent / "package"
    line = ("train", f"resume={plugin_run}", "trainer.max_epochs=2")
    monkeypatch.delenv("SEG_PLUGINS", raising=False)
    done = seg(*line, cwd=place)
    assert done.returncode == 2, done.stderr
    assert "set SEG_PLUGINS" in done.stderr
    monkeypatch.setenv("SEG_PLUGINS", NAME)
    done = seg(*line, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "going on from step 2" in done.stderr + done.stdout


def test_a_checkpoint_builds_what_the_user_names(plugin_run, monkeypatch):
    place = plugin_run.parent / "package"
    checkpoint = f"checkpoint={plugin_run}"
    monkeypatch.setenv("SEG_PLUGINS", NAME)
    done = seg("evaluate", checkpoint, cwd=place)
    assert done.returncode == 3, done.stderr
    offered = f"plugins=[{LOSS},{ENCODER},{TARGETS['dataset']}]"
    assert offered in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) <= 6
    done = seg("evaluate", checkpoint, offered, "hydra.run.dir=scores", cwd=place)
    assert done.returncode == 0, done.stderr
    images = f"input={plugin_run / 'predictions.png'}"
    done = seg("predict", checkpoint, images, "output=out", cwd=place)
    assert done.returncode == 3, done.stderr
    assert f"'plugins=[{ENCODER}]'" in done.stderr
    done = seg("predict", checkpoint, images, "output=out", f"plugins=[{ENCODER}]", cwd=place)
    assert done.returncode == 0, done.stderr
    assert (place / "out" / "predictions.png").is_file()


def test_a_teacher_is_of_classes_that_the_user_names(plugin_run, tmp_path, package):
    """Beside a student of seg; the remedy is a key of the training."""
    line = ["dataset=stripes", "encoder=aligned_xception_micro", "distillation=logits", *TINY]
    line.append(f"distillation.checkpoint={plugin_run}")
    with pytest.raises(DataError, match=rf"give 'plugins=\[{ENCODER}\]'"):
        build_segmentation(training(line), tmp_path)
    parts = build_segmentation(training([*line, f"plugins=[{ENCODER}]"]), tmp_path)
    (teacher,) = parts.task.terms[0]._unregistered
    assert f"{type(teacher.encoder).__module__}.{type(teacher.encoder).__name__}" == ENCODER


def training(line):
    return validate(TrainConfig, OmegaConf.to_container(composed("train", line), resolve=True))


@pytest.mark.slow
def test_an_export_needs_no_plugin_for_its_network(plugin_run, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    place = plugin_run.parent / "package"
    monkeypatch.setenv("SEG_PLUGINS", NAME)
    every = f"plugins=[{ENCODER},{TARGETS['dataset']}]"
    line = [f"checkpoint={plugin_run}", "format=onnx", "output_kind=logits", every]
    done = seg("export", *line, f"output={tmp_path / 'x.onnx'}", cwd=place)
    assert done.returncode == 0, done.stderr
    line = [f"checkpoint={tmp_path / 'x.onnx'}", f"hydra.run.dir={tmp_path / 'scores'}"]
    done = seg("evaluate", *line, "dataset=stripes", f"plugins=[{LOSS}]", cwd=place)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_loss_of_a_plugin_is_no_matter_for_predictions(small_run, tmp_path, monkeypatch):
    content = torch.load(small_run / "checkpoints" / "best.ckpt", weights_only=True)
    content["seg"]["config"]["loss"] = {"_target_": LOSS}
    torch.save(content, tmp_path / "x.ckpt")
    assert load_model(tmp_path / "x.ckpt").num_classes == 19
    content["seg"]["config"]["encoder"]["_target_"] = ENCODER
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(DataError, match=r"install it or set SEG_PLUGINS=my_parts, and give"):
        load_model(tmp_path / "x.ckpt")
