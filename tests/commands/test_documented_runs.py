"""Every command line of README and docs runs, with the real command, in a reduced form."""

import hashlib
import re
import shutil

import pytest
import safetensors.torch
import timm
import torch

from tests.commands import miniatures
from tests.commands.documented import command_lines
from tests.commands.reductions import DRAWN, NEEDED, NOT_RUN, PLACED, typed
from tests.conftest import seg
from tests.models.web import Web, running

LINES = command_lines()
RUN = [line for line in LINES if not any(re.search(pattern, line) for pattern in NOT_RUN)]


def run(directory, *line, fault=None, code=0):
    done = seg(*line, cwd=directory, fault=fault)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="session")
def smp_run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("smp")
    line = typed("python -m seg.train", "decoder=smp", "encoder.output_stride=32")
    run(directory, *line, "hydra.run.dir=run")
    return directory / "run"


@pytest.fixture(scope="session")
def pretrained_run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pretrained")
    run(directory, *typed("python -m seg.pretrain"), "hydra.run.dir=run")
    return directory / "run"


@pytest.fixture(scope="session")
def own_run(own_images, tmp_path_factory):
    directory = tmp_path_factory.mktemp("own")
    shutil.copytree(own_images, directory / "data")
    line = typed("python -m seg.train dataset=folder dataset.root=DIR")
    run(directory, *line, "hydra.run.dir=run")
    return directory / "run"


@pytest.fixture(scope="session")
def exported_run(small_run, tmp_path_factory):
    directory = tmp_path_factory.mktemp("exported")
    shutil.copytree(small_run, directory / "run_dir")
    run(
        directory,
        *typed("python -m seg.export checkpoint=RUN_DIR format=onnx"),
        "output_kind=logits",
    )
    return directory / "run_dir"


@pytest.fixture(scope="session")
def exported_files(exported_run, tmp_path_factory):
    """`files`, as a list of one engine is written."""
    directory = tmp_path_factory.mktemp("engines")
    shutil.copytree(exported_run / "export", directory, dirs_exist_ok=True)
    (directory / "onnx_fp32.onnx").rename(directory / "files")
    return directory


@pytest.fixture(scope="session")
def small_sweep(tmp_path_factory):
    """Killed in its second trial."""
    directory = tmp_path_factory.mktemp("sweep")
    line = typed("python -m seg.train -m seed=1,2", "hydra.sweep.dir=sweep")
    run(directory, *line, fault="kill_at_sync:8", code=-9)
    return directory / "sweep"


@pytest.fixture(scope="session")
def finished_sweep(small_sweep):
    directory = small_sweep.with_name("sweep_dir")
    shutil.copytree(small_sweep, directory)
    run(directory.parent, *typed("python -m seg.train resume=SWEEP_DIR"))
    return directory


@pytest.fixture(scope="session")
def timm_file(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("timm") / "source"
    path.mkdir()
    network = timm.create_model("xception41", num_classes=3)
    safetensors.torch.save_file(network.state_dict(), path / "model.safetensors")
    return path


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    directory = tmp_path_factory.mktemp("images")
    miniatures.write_image(directory / "a.png")
    return directory


def data_fixture(write):
    @pytest.fixture(scope="session")
    def written(tmp_path_factory):
        directory = tmp_path_factory.mktemp("data")
        write(directory)
        return directory

    return written


own_images = data_fixture(miniatures.write_own_images)
masked_images = data_fixture(miniatures.write_masked_images)
overlapping_masks = data_fixture(miniatures.write_overlapping_masks)
banded_images = data_fixture(miniatures.write_banded_images)
band_files = data_fixture(miniatures.write_band_files)
deep_images = data_fixture(miniatures.write_deep_images)
coco_instances = data_fixture(miniatures.write_coco_instances)
yolo = data_fixture(miniatures.write_yolo)
geojson = data_fixture(miniatures.write_geojson)
camvid = data_fixture(miniatures.write_camvid)
cityscapes = data_fixture(miniatures.write_cityscapes)


@pytest.fixture(scope="session")
def verified_images(tmp_path_factory):
    """A damaged image, and the `verify.json` that names it."""
    directory = tmp_path_factory.mktemp("verified")
    miniatures.write_faulty_images(directory / "data")
    line = typed("python -m seg.prepare verify dataset=folder dataset.root=DIR")
    run(directory, *line, "hydra.run.dir=.", code=3)
    return directory


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A server that has Pascal VOC of two images, and the fault that tells its address."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Web() as web, running(web):
        web.content = miniatures.pascal_voc_archive(tmp_path / "archive")
        digest = hashlib.sha256(web.content).hexdigest()
        yield f"published_at:{web.url('voc.tar')} {len(web.content)} {digest}"


@pytest.fixture
def place(line, request, tmp_path):
    """A directory that holds what a line names."""
    for pattern, (name, fixture) in PLACED.items():
        if re.search(pattern, line):
            source = request.getfixturevalue(fixture)
            shutil.rmtree(tmp_path / name, ignore_errors=True)
            shutil.copytree(source, tmp_path / name, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("line", RUN)
def test_it_runs(line, request, tmp_path):
    if "device=cuda" in line and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    for pattern, package in NEEDED.items():
        if re.search(pattern, line):
            pytest.importorskip(package)
    place = request.getfixturevalue("place")
    fault = request.getfixturevalue("published") if "download" in line else None
    further = DRAWN if re.search("sweep=learning_rate|sweeper=tpe", line) else ()
    command, *arguments = typed(line, *further)
    run(place, command, *arguments, fault=fault)
    outputs = [each.partition("=")[2] for each in arguments if each.startswith("output=")]
    assert all((place / output).exists() for output in outputs)


def test_each_reason_names_a_line():
    for pattern in NOT_RUN:
        assert any(re.search(pattern, line) for line in LINES), pattern
