"""What a message offers, parsed from it and typed: the work is done, or the next step reached."""

import shlex
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from tests.commands.remedy_cases import CASES
from tests.conftest import seg
from tests.remedies import retyped


def sample(directory, name, size, label):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for room, content in (("images", pixels), ("labels", np.full(size, label, np.uint8))):
        (directory / room / "train").mkdir(parents=True, exist_ok=True)
        (directory / room / "val").mkdir(parents=True, exist_ok=True)
        for split in ("train", "val"):
            Image.fromarray(content).save(directory / room / split / f"{name}.png")


@pytest.fixture(scope="module")
def places(small_run, tmp_path_factory):
    """What the cases name in braces: files and runs, some of them damaged."""
    place = tmp_path_factory.mktemp("places")
    copies = ("copy", "unexported", "unrecorded", "shorter", "stretched", "runs/train/streets/a")
    for name in copies:
        shutil.copytree(small_run, place / name)
    shutil.rmtree(
        place / "unexported/export", ignore_errors=True
    )  # another test may export the run
    (place / "unrecorded/.hydra/overrides.yaml").write_text("{")
    (place / "verify.json").write_text("{")
    for name in ("empty", "shards", "verified", "evaluated", "unscored"):
        (place / name).mkdir()
    for name in ("evaluated", "unscored"):
        shutil.copy(small_run / "replicates.npz", place / name)
        (place / name / "evaluation.json").write_text("{")
    (place / "verified/verify.json").write_text("{")
    Image.new("RGB", (96, 64)).save(place / "image.png")
    for number in range(4):
        sample(place / "ignored", str(number), (64, 64), 255)
        sample(place / "one_class", str(number), (64, 64), 0)
        sample(place / "sizes", str(number), (64, 64 + 32 * (number % 2)), number % 2)
        (place / "pairs").mkdir(exist_ok=True)
        shutil.copy(place / f"sizes/images/train/{number}.png", place / f"pairs/{number}.png")
        mask = place / f"sizes/labels/train/{number}.png"
        shutil.copy(mask, place / f"pairs/{number}_mask.png")
    for name in ("ignored", "one_class"):
        (place / name / "classes.json").write_text('["sky", "road"]')
    state = torch.load(small_run / "checkpoints/best.ckpt", weights_only=True)["state_dict"]
    old = place / "old.pth"
    torch.save(state, old, _use_new_zipfile_serialization=False)
    named = {path.stem: str(path) for path in place.iterdir()}
    return {**named, "run": str(small_run), "place": str(place)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    CASES,
    ids=lambda case: f"{case.typed}: {case.takes}",
)
def test_what_is_offered_is_typed(case, places, tmp_path):
    cwd = places["place"] if "streets/*" in case.takes else tmp_path
    if "=cuda" in case.typed and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    case = case.at(places)
    line = shlex.split(case.typed)
    first = seg(*line, cwd=cwd)
    assert (first.returncode != 0) == case.refused, first.stderr
    message = (first.stderr if case.refused else first.stdout + first.stderr).strip()
    message = message.removeprefix("error: ")
    done = seg(*retyped(case, message), cwd=cwd)
    if case.then:
        assert case.then in done.stderr
        return
    assert done.returncode == 0, done.stderr
    if case.again:
        done = seg(*line, cwd=cwd)
        assert done.returncode == 0, done.stderr
