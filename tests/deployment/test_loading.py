"""Exported files in the place of checkpoints: cards, damage, trust, and the choice of an engine."""

import json
import logging
import shutil
import zipfile

import pytest
import torch

import seg as package
from seg.data.readers.sha256 import sha256_of
from seg.deployment.format_interface import find_format
from seg.deployment.loading import choose_engine, export_directory, read_export
from seg.deployment.metadata import card_path, read_card, write_card
from seg.errors import ConfigError, DataError
from tests.deployment.networks import ORIGIN, samples


@pytest.fixture
def file(exports, tmp_path):
    """A copy of the exported network that may be spoiled."""
    path = exports("pt2")
    shutil.copy(card_path(path), tmp_path)
    return shutil.copy(path, tmp_path / path.name)


def test_the_card_says_all_that_is_needed(file, network):
    card = json.loads(card_path(file).read_text())
    assert card["checkpoint"] == ORIGIN.model_dump()
    assert card["labels"]["names"] == list(network.classes)
    assert [tuple(color) for color in card["labels"]["palette"]] == list(network.palette)
    assert card["normalization"] is None  # the graph does it
    assert card["normalized_inside"] == network.normalization.to_dict()
    assert [each["name"] for each in card["classes"]] == list(network.classes)
    assert [each["value"] for each in card["classes"]] == list(range(network.num_classes))
    assert card["spec"] == {
        "precision": "fp32",
        "input_kind": "float32",
        "output_kind": "logits",
        "size": None,
        "batch_size": None,
        "device": "cpu",
        "stored_type": None,
    }
    assert card["files"] == {file.name: sha256_of(file)}
    assert card["parity"]["agreement"] > 0.999
    assert card["parity"]["tolerance"] == {
        "agreement": 0.999,
        "miou_points": 0.1,
        "relative_error": 0.01,
    }
    assert [each["size"] for each in card["parity"]["other_sizes"]] == [[96, 39], [32, 87]]
    assert all(each["relative_error"] < 1e-4 for each in card["parity"]["other_sizes"])
    assert card["versions"]["torch"] == torch.__version__.partition("+")[0]


def test_code_needs_the_users_word(file):
    with pytest.raises(ConfigError, match="trust=true"):
        package.load_model(file)


def test_a_missing_file_or_card(file):
    with pytest.raises(DataError, match="no such file"):
        package.load_model(file.with_name("other.onnx"))
    card_path(file).unlink()
    with pytest.raises(DataError, match=r"its card pt2_fp32\.pt2\.json is missing"):
        package.load_model(file, trust=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "damaged"), ("[]", "no card"), ('{"card_version": 2}', "no card of this version")],
)
def test_a_damaged_card(file, text, message):
    card_path(file).write_text(text)
    with pytest.raises(DataError, match=message):
        package.load_model(file, trust=True)


def test_a_card_with_one_digit_changed(file):
    text = card_path(file).read_text()
    assert "0.5" in text
    card_path(file).write_text(text.replace("0.5", "0.7", 1))
    with pytest.raises(DataError, match=r"json: damaged: .*SHA-256"):
        package.load_model(file, trust=True)


def test_a_changed_or_renamed_file(file):
    renamed = file.with_name("renamed.pt2")
    shutil.copy(file, renamed)
    shutil.copy(card_path(file), card_path(renamed))
    with pytest.raises(DataError, match="keep the names"):
        package.load_model(renamed, trust=True)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="not the file that its card was written for"):
        package.load_model(file, trust=True)


def test_a_card_names_no_file_elsewhere(file):
    card = read_card(file)
    files = {**card.files, "../outside.bin": "0"}
    write_card(file, card.model_copy(update={"files": files}))
    with pytest.raises(DataError, match="another directory"):
        package.load_model(file, trust=True)


def test_a_card_of_a_format_that_is_not_known(file):
    _stamp(file, format="os")
    with pytest.raises(DataError, match=r"pt2\.json: format 'os'; this version opens aoti, onnx"):
        package.load_model(file, trust=True)


def test_another_kind_of_file_under_a_card(file):
    file.write_bytes(b"no archive")
    _stamp(file)
    with pytest.raises(DataError, match="cannot open"):
        package.load_model(file, trust=True)


def test_pickled_objects_are_not_opened(file):
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("pt2_fp32/data/constants/opaque_obj_0", b"cos\nsystem\n(S'false'\ntR.")
    _stamp(file)
    with pytest.raises(DataError, match="more than tensors"):
        package.load_model(file, trust=True)


def _stamp(file, **changes):
    """Make the card fit the file as it is now."""
    card = read_card(file)
    files = {file.name: sha256_of(file)}
    write_card(file, card.model_copy(update={"files": files, **changes}))


@pytest.fixture
def run(file, tmp_path):
    """A run directory with a checkpoint and three exports of it; the newest cannot run here."""
    checkpoint = tmp_path / "run" / "checkpoints" / "best.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"weights")
    folder = export_directory(checkpoint)
    assert folder == tmp_path / "run" / "export"
    folder.mkdir()
    origin = ORIGIN.model_copy(update={"sha256": sha256_of(checkpoint)})
    kinds = (
        ("a.pt2", "pt2", "2026-01"),
        ("b.pt2", "aoti", "2026-02"),
        ("c.engine", "tensorrt", "2026-03"),
    )
    assert not find_format("tensorrt").runs_here
    for name, kind, created in kinds:
        path = folder / name
        shutil.copy(file, path)
        shutil.copy(card_path(file), card_path(path))
        _stamp(path, format=kind, checkpoint=origin, created=created)
    return checkpoint


def test_the_newest_export_of_this_checkpoint_is_chosen(run, caplog):
    caplog.set_level(logging.INFO)
    folder = export_directory(run)
    assert choose_engine(run, "auto", device="cpu", trust=True) == folder / "b.pt2"
    assert "aoti fp32" in caplog.text
    assert choose_engine(run, "pt2", device="cpu") == folder / "a.pt2"
    assert choose_engine(run, "tensorrt", device="cpu") == folder / "c.engine"
    assert choose_engine(run, "torch", device="cpu", trust=True) == run
    assert choose_engine(run, "auto", device="cuda", trust=True) == run
    assert choose_engine(folder / "a.pt2", "auto", device="cpu", trust=True) == folder / "a.pt2"


def test_exports_of_other_weights_or_kinds_are_passed_over(run, caplog):
    caplog.set_level(logging.INFO)
    folder = export_directory(run)
    spec = read_card(folder / "b.pt2").spec.model_copy(update={"output_kind": "labels"})
    _stamp(folder / "b.pt2", spec=spec)
    assert choose_engine(run, "auto", device="cpu", trust=True) == folder / "a.pt2"
    assert choose_engine(run, "auto", device="cpu") == run
    _stamp(folder / "a.pt2", format="onnx")
    expected = folder / "a.pt2" if find_format("onnx").runs_here else run
    assert choose_engine(run, "auto", device="cpu") == expected
    caplog.clear()
    run.write_bytes(b"other weights")
    assert choose_engine(run, "auto", device="cpu", trust=True) == run
    assert "holds no export" in caplog.text
    with pytest.raises(ConfigError, match=r"python -m seg.export checkpoint=.* format=onnx"):
        choose_engine(run, "onnx", device="cpu")
    with pytest.raises(ConfigError, match="did you mean onnx"):
        choose_engine(run, "onx", device="cpu")


def test_what_stands_for_the_checkpoint(exports, pt2_engine, network):
    export = read_export(exports("pt2"), trust=True)
    assert export.config == ORIGIN.config
    assert export.step == ORIGIN.step
    assert export.labels == network.labels
    assert export.identity.name == "pt2_fp32.pt2.json"
    assert export.engine == "pt2 fp32"
    assert pt2_engine.normalization == network.normalization
    assert pt2_engine.predict(samples(1)[0].image).shape == (65, 97)
