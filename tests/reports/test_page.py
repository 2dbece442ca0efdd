"""The page says what the files say, in one file, whatever names and absences it meets."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from seg.errors import ConfigError, DataError
from seg.reports.energy import Tariff
from seg.reports.page import write_report
from seg.reports.run_reader import find_runs
from tests.reports.parsed_page import decoded, page_of
from tests.reports.run_directory import CLASSES, PALETTE, STEPS, write_run

HOSTILE = (
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(2)>",
    "a & b 'c'",
    "{{ 7 * 7 }}",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, write_run(folder)


@pytest.fixture(scope="module")
def page(whole):
    return page_of(whole[0], target=whole[0] / "report.html")


def test_nothing_is_fetched(page):
    policy = next(
        each["content"]
        for each in page.all("meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; img-src data:;")
    links = [
        v
        for _, attributes in page.tags
        for k, v in attributes.items()
        if k in ("src", "href", "srcset")
    ]
    assert links and all(link.startswith(("data:", "#")) for link in links)
    assert {each["href"] for each in page.all("a")} <= {f"#{name}" for name in page.ids()}
    assert len(page.ids()) == len(set(page.ids()))
    assert "url(" not in page.source and "@import" not in page.source
    assert len(page.all("script")) == 1 and not page.all("script")[0]


def test_the_numbers_are_those_of_the_files(whole, page):
    evaluation = whole[1]
    scores = evaluation["scores"]
    for key in ("val/miou", "val/pixel_accuracy", "val/ece", *(f"val/iou/{c}" for c in CLASSES)):
        assert f"{100 * scores[key]:.1f}" in page.text
    low, high = evaluation["intervals"]["val/miou"]
    assert f"{100 * low:.1f}\u2009\u2013\u2009{100 * high:.1f}" in page.text
    assert "0.312" in page.text  # the loss is no share
    confusion = np.array(evaluation["confusion"])
    shares = confusion.sum(1) / confusion.sum()
    assert all(f"{100 * share:.2f}" in page.text for share in shares)


def test_the_worst_confusion_is_named(whole, page):
    confusion = np.array(whole[1]["confusion"], float)
    np.fill_diagonal(confusion, 0)
    label, prediction = np.unravel_index(confusion.argmax(), confusion.shape)
    share = confusion[label, prediction] / np.array(whole[1]["confusion"])[label].sum()
    said = re.search(r"(\w+) → (\w+)\s+([\d.]+) %", " ".join(page.text.split()))
    assert said.groups() == (CLASSES[label], CLASSES[prediction], f"{100 * share:.1f}")


def test_images_keep_their_colors(whole, page):
    folder, evaluation = whole
    shown = {each["alt"]: decoded(each["src"]) for each in page.all("img") if "alt" in each}
    for kind in ("worst", "best"):
        entry = evaluation["examples"][kind][0]
        for layer in ("label", "prediction", "error"):
            image = shown[f"{layer} of {entry['name']}"]
            assert np.array_equal(image.convert("RGB"), Image.open(folder / entry[layer]))
        assert shown[f"image of {entry['name']}"].size == (36, 24)
    swatches = {each.get("style") for each in page.all("i") if each.get("class") == "swatch"}
    assert {"background:#{:02x}{:02x}{:02x}".format(*color) for color in PALETTE} <= swatches


def test_time_and_energy_are_estimates_with_their_assumptions(whole, page, tmp_path):
    text = " ".join(page.text.split())
    assert "30 min 00 s" in text  # ten and twenty minutes of two sessions
    assert "0.02 kWh" in text  # half an hour of four cores at ten watts
    assert "Assumed 10 W a core, 4 cores all at work" in text
    dear = page_of(whole[0], target=tmp_path / "dear.html", tariff=Tariff(25.0, 300.0, 3.0))
    assert "0.05 kWh" in dear.text and "1.5" in dear.text
    assert "Assumed 25 W a core" in dear.text


def test_measured_energy_is_taken_instead(tmp_path):
    write_run(tmp_path / "run")
    path = tmp_path / "run/environment.json"
    told = json.loads(path.read_text())
    for event in told["history"]:
        if event["event"] in ("interrupted", "finished"):
            event["cpu_wh"] = 120.0
    path.write_text(json.dumps(told))
    text = page_of(tmp_path / "run", target=tmp_path / "page.html").text
    assert "0.24 kWh" in text and "measured (RAPL" in text and "Assumed" not in text


def test_sizes_are_told(page):
    cells = [each for each in page.inside["td"] if each]
    assert {"812", "21.0", "93.0"} <= set(cells)


def test_history_and_environment_are_told(page):
    text = " ".join(page.text.split())
    assert "interrupted at step 20 2026-01-01 12:10 UTC" in text
    assert "A processor" in text and "cccccccccccc main, with changes" in text


def test_hostile_names_are_text(tmp_path):
    folder = tmp_path / "<b>run & co"
    write_run(folder, classes=HOSTILE, name=HOSTILE[0])
    page = page_of(folder, target=tmp_path / "page.html")
    assert len(page.all("script")) == 1
    assert all("onerror" not in attributes for _, attributes in page.tags)
    assert all(name in page.text for name in HOSTILE)
    assert "<b>run & co" in page.inside["h1"]
    assert f"image of {HOSTILE[0]} worst" in {each.get("alt") for each in page.all("img")}


def test_charts_are_sound_svg(page):
    drawn = re.findall(r"<svg.*?</svg>", page.source, re.DOTALL)
    assert len(drawn) >= 2 + len(CLASSES) + 2
    for each in drawn:
        ElementTree.fromstring(each)
    assert "nan" not in "".join(drawn).lower() and "inf" not in "".join(drawn).lower()


@pytest.mark.parametrize(
    ("without", "section"),
    [
        ("metrics.csv", "curves"),
        ("confusion", "confusion"),
        ("calibration", None),
        ("examples", None),
        ("learning.gif", None),
        ("predictions.png", None),
        ("intervals", None),
        ("palette", None),
        ("config.yaml", None),
        ("environment.json", None),
        ("metrics.json", None),
        ("protocol", None),
        ("checkpoint", None),
    ],
)
def test_what_is_absent_is_left_out(without, section, tmp_path):
    write_run(tmp_path / "run", without=(without,))
    page = page_of(tmp_path / "run", target=tmp_path / "page.html")
    assert "not finished yet" not in page.text
    assert "None" not in page.text.replace("\n", " ").split()
    assert section is None or f"run-1-{section}" not in page.ids()


def test_a_run_without_evaluation_shows_its_scores(tmp_path):
    evaluation = write_run(tmp_path / "run", without=("evaluation.json",))
    page = page_of(tmp_path / "run", target=tmp_path / "page.html")
    assert f"{100 * evaluation['scores']['val/miou']:.1f}" in page.text
    assert {"run-1-classes", "run-1-curves"} <= set(page.ids())


def test_a_run_that_goes_on_says_so(tmp_path):
    files = ("evaluation.json", "metrics.json", "predictions.png", "learning.gif")
    write_run(tmp_path / "run", without=files)
    with (tmp_path / "run/metrics.csv").open("a") as file:
        file.write("69,3,0.")  # killed in the midst of a row
    text = " ".join(page_of(tmp_path / "run", target=tmp_path / "page.html").text.split())
    assert f"not finished yet: step {STEPS}, epoch 3" in text  # half a row has no sound number


def test_a_run_that_has_only_begun(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text("trainer: {max_epochs: 3}\n")
    page = page_of(tmp_path / "run", target=tmp_path / "page.html")
    assert "no step is recorded yet" in page.text
    assert not page.all("img")


def test_images_outside_the_run_are_not_shown(tmp_path):
    evaluation = write_run(tmp_path / "run")
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    entry = evaluation["examples"]["worst"][0]
    entry["image"] = "../secret.png"
    (tmp_path / "run/evaluation.json").write_text(json.dumps(evaluation))
    page = page_of(tmp_path / "run", target=tmp_path / "page.html")
    assert f"image of {entry['name']}" not in {each.get("alt") for each in page.all("img")}


def test_a_damaged_file_is_named(tmp_path):
    write_run(tmp_path / "run")
    (tmp_path / "run/evaluation.json").write_text("{")
    with pytest.raises(DataError, match=r"evaluation\.json: evaluation is damaged"):
        write_report([tmp_path / "run"], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_classes_that_are_never_predicted_are_named(tmp_path):
    evaluation = write_run(tmp_path / "run")
    for row in evaluation["confusion"]:
        row[2] = 0
    (tmp_path / "run/evaluation.json").write_text(json.dumps(evaluation))
    page = page_of(tmp_path / "run", target=tmp_path / "page.html")
    assert "never predicted: car (" in page.text


def test_unlike_classes_are_told_on_the_page_and_beside_it(tmp_path, caplog):
    write_run(tmp_path / "a", classes=("road", "car", "person"))
    write_run(tmp_path / "b", classes=("road", "car", "tree"), without=("evaluation.json",))
    page = page_of(tmp_path / "a", tmp_path / "b", target=tmp_path / "page.html")
    told = "The runs were scored on different classes; alone a has person; alone b has tree."
    assert told in " ".join(page.text.split()) and told in caplog.text
    assert not [cell for cell in page.all("td") if cell.get("class") == "best"]


def test_two_runs_stand_beside_each_other(tmp_path):
    first = write_run(tmp_path / "a/run", seed=1)
    second = write_run(tmp_path / "b/run", seed=2)
    page = page_of(tmp_path / "a/run", tmp_path / "b/run", target=tmp_path / "page.html")
    text = " ".join(page.text.split())
    assert {"run-1", "run-2", "scores", "differences"} <= set(page.ids())
    assert len(page.ids()) == len(set(page.ids()))
    assert "a/run" in text and "b/run" in text
    for evaluation in (first, second):
        assert f"{100 * evaluation['scores']['val/miou']:.1f}" in text
    cells = [each for each in page.inside["td"] if each]
    assert {"0.003", "0.004"} <= set(cells)  # the learning rates
    assert "optimizer.lr" in text and "trainer.max_epochs" not in page.inside["code"]
    assert "different images" not in text


def test_runs_that_do_not_compare_are_told(tmp_path):
    write_run(tmp_path / "a", seed=1)
    evaluation = write_run(tmp_path / "b", seed=2)
    evaluation["protocol"]["split_sha256"] = "f" * 64
    (tmp_path / "b/evaluation.json").write_text(json.dumps(evaluation))
    page = page_of(tmp_path / "a", tmp_path / "b", target=tmp_path / "page.html")
    assert "The runs were scored on different images." in page.text


def test_runs_are_found(tmp_path, monkeypatch):
    for name in ("b", "a", "c d"):
        write_run(tmp_path / "runs" / name, without=("predictions.png",))
    (tmp_path / "runs/empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert [path.name for path in find_runs("runs/*")] == ["a", "b", "c d"]
    assert [path.name for path in find_runs(str(tmp_path / "runs/[ab]"))] == ["a", "b"]
    assert [path.name for path in find_runs(["runs/c d", "runs/a", "runs/a"])] == ["c d", "a"]
    for wrong in ("runs/empty", "nowhere", "nowhere/*", ["runs/a", "runs/empty"]):
        with pytest.raises(ConfigError, match="no run there"):
            find_runs(wrong)
