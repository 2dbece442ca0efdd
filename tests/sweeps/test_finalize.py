"""What a sweep's directory holds once it is closed: tables, page, winner; and what is logged."""

import csv
import json
import logging
import re

import numpy as np
import pytest

from seg.errors import DataError
from seg.sweeps.finalize import close_sweep
from seg.sweeps.leaderboard import BY_CHOICE_FILE, FILE, order_trials
from seg.sweeps.page import Section, page
from seg.sweeps.trials import Sweep, Trial, read_sweep, write_sweep
from tests.conftest import seg
from tests.reports.run_directory import write_run
from tests.sweeps.sweep_directory import HOSTILE, write, write_seeds, write_wide

LEFT = {"trials.json", FILE, "report.html"}


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wide") / "sweep"
    write_wide(directory)
    close_sweep(directory)
    return directory


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    directory = tmp_path_factory.mktemp("seeds") / "sweep"
    write_seeds(directory)
    close_sweep(directory)
    return directory


def test_the_leaderboard_has_every_trial_the_best_first(wide):
    sweep, rows = read_sweep(wide), table(wide / FILE)
    assert list(rows[0]) == [
        *("rank", "number", "state", "value"),
        *("encoder", "optimizer.lr", "loader.batch_size", "loss"),
        *("seconds", "val/pixel_accuracy", "val/loss", "error"),
    ]
    assert sorted(int(row["number"]) for row in rows) == [t.number for t in sweep.trials]
    ranked = [row for row in rows if row["rank"]]
    values = np.array([float(row["value"]) for row in ranked])
    assert [row["rank"] for row in ranked] == [str(n) for n in range(1, len(ranked) + 1)]
    assert len(ranked) == 19 and (np.diff(values) <= 0).all()
    states = [row["state"] for row in rows[len(ranked) :]]
    assert states == ["pruned"] * 3 + ["failed"] * 2 + ["running"]
    for row in ranked:
        trial = sweep.trials[int(row["number"])]
        assert float(row["value"]) == trial.value and float(row["seconds"]) == trial.seconds
        assert row["optimizer.lr"] == trial.choices["optimizer.lr"]
        metrics = json.loads((wide / row["number"] / "metrics.json").read_text())
        assert float(row["val/loss"]) == metrics["val/loss"]
    failed = next(row for row in rows if row["state"] == "failed")
    assert failed["error"] == f"a loss that is not finite {HOSTILE}"


def test_less_may_be_better():
    trials = [Trial(n, {"k": str(n)}, "finished", v) for n, v in enumerate((0.5, 0.2, 0.2, 0.9))]
    sweep = Sweep("train", (), "val/loss", maximize=False, trials=trials)
    assert [trial.number for _, trial in order_trials(sweep)] == [1, 2, 0, 3]
    assert sweep.best_trial().number == 1


def test_seeds_are_ranked_by_their_means(seeds):
    rows = table(seeds / BY_CHOICE_FILE)
    assert [row["loss"] for row in rows] == ["dice", "focal", "ohem"]
    for row, values in zip(rows, ([0.50, 0.52, 0.51], [0.40, 0.60, 0.41]), strict=False):
        assert np.isclose(float(row["mean"]), np.mean(values))
        assert np.isclose(float(row["std"]), np.std(values, ddof=1))
        assert row["n"] == "3"
    assert (rows[2]["rank"], rows[2]["mean"], rows[2]["n"]) == ("", "", "0")
    assert rows[0]["trials"] == "0 1 2 6"
    assert table(seeds / FILE)[0]["number"] == "4"
    assert (
        read_sweep(seeds).best_trial().number == 1
    )  # the best of the best mean, not the best of all


def test_one_seed_has_no_spread():
    trial = Trial(0, {"seed": "3", "k": "1"}, "finished", 0.5)
    (group,) = Sweep("train", (), "val/miou", trials=(trial,)).group_by_seed()
    assert (group.mean, group.std, group.choices) == (0.5, None, {"k": "1"})


def test_what_is_told(tmp_path, caplog, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_seeds(tmp_path / "my sweep")
    with caplog.at_level(logging.INFO, "seg.sweeps.finalize"):
        close_sweep(tmp_path / "my sweep")
    told = caplog.messages
    assert told[0] == "best: trial 1, val/miou 52.00 %: loss=dice seed=1"
    assert "3 seeds: mean 51.00 %" in told[1]
    assert told[2].endswith(FILE) and told[3].startswith("report: file://")
    place = tmp_path / "my sweep"
    assert told[4].endswith(f"python -m seg.train --config-dir '{place}' experiment=winner")
    html = (tmp_path / "my sweep/report.html").read_text()
    assert f"python -m seg.train --config-dir &#39;{place}&#39; experiment=winner" in html


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ((0.5, 0.5, 0.5), "its choices over 3 seeds: 50.00 % each, the seed makes no difference"),
        ((0.5, 0.52), "its choices over 2 seeds: mean 51.00 %, standard deviation 1.41 %"),
        ((0.5,), None),  # no spread
    ],
)
def test_what_seeds_tell(tmp_path, caplog, values, line):
    trials = [Trial(n, {"seed": str(n)}, "finished", value) for n, value in enumerate(values)]
    write(tmp_path, Sweep("train", ("seed=0,1,2",), "val/miou", trials=tuple(trials)))
    with caplog.at_level(logging.INFO, "seg.sweeps.finalize"):
        close_sweep(tmp_path)
    assert [each for each in caplog.messages if each.startswith("its choices")] == (
        [line] if line else []
    )


@pytest.mark.parametrize("states", [(), ("failed",), ("running", "pruned"), ("finished",)])
def test_no_result_is_told(tmp_path, caplog, states):
    trials = [Trial(n, {"optimizer.lr": "1"}, state) for n, state in enumerate(states)]
    write(tmp_path, Sweep("pretrain", ("optimizer.lr=1,1",), "val/top1", trials=tuple(trials)))
    with caplog.at_level(logging.INFO):
        close_sweep(tmp_path)
    assert caplog.messages[0] == f"no trial of {len(states)} has finished"
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    assert {path.name for path in tmp_path.iterdir()} == LEFT
    assert [row["state"] for row in table(tmp_path / FILE)] == sorted(
        states, key=("finished", "pruned", "failed", "running").index
    )
    assert "No trial has finished." in (tmp_path / "report.html").read_text()


def test_folders_may_be_missing_or_damaged(tmp_path, caplog):
    sweep = write_wide(tmp_path)
    best = sweep.best_trial().number
    (tmp_path / str(best) / "metrics.json").write_text('{"val/loss": 0.')
    (tmp_path / str(best) / ".hydra/overrides.yaml").write_bytes(b"\xff[")
    (tmp_path / "0/metrics.csv").write_bytes(b"step,val/miou\n1,0.2\n2,\x00\xff")
    (tmp_path / "1/metrics.csv").write_text("step,val/miou\n5,0.25\n6,0.")
    (tmp_path / "3/metrics.json").write_text("[]")
    (tmp_path / "7").rename(tmp_path / "gone")
    close_sweep(tmp_path)
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    rows = table(tmp_path / FILE)
    assert rows[0]["number"] == str(best) and rows[0]["val/loss"] == ""
    assert (
        f"lr: {float(sweep.trials[best].choices['optimizer.lr'])}"
        in (tmp_path / "experiment/winner.yaml").read_text()
    )


def test_it_is_closed_again_after_it_went_on(tmp_path):
    sweep = write_wide(tmp_path)
    close_sweep(tmp_path)
    better = Trial(30, {"optimizer.lr": "0.5", "encoder": "resnet50"}, "finished", 0.99, 1.0)
    write_sweep(tmp_path, Sweep("train", sweep.line, "val/miou", trials=(*sweep.trials, better)))
    before = {path.name for path in tmp_path.iterdir()}
    close_sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == before
    assert table(tmp_path / FILE)[0]["number"] == "30"
    assert "lr: 0.5" in (tmp_path / "experiment/winner.yaml").read_text()
    assert "99.00" in (tmp_path / "report.html").read_text()


def test_a_part_that_fails_spoils_nothing(tmp_path, caplog):
    write_seeds(tmp_path)
    (tmp_path / FILE).mkdir()  # where a file is to be
    close_sweep(tmp_path)
    assert any(each.startswith("no leaderboard: ") for each in caplog.messages)
    assert (tmp_path / "report.html").is_file() and (tmp_path / "experiment").is_dir()


def test_another_folder(tmp_path):
    with pytest.raises(DataError, match="no sweep there"):
        close_sweep(tmp_path)


def test_the_page_fetches_nothing_and_shows_texts_as_texts(wide):
    html = (wide / "report.html").read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#|\d+/report\.html)[^"']*""", html)
    assert not re.findall(r"https?://|@import|url\(", html)
    assert HOSTILE not in html and "&lt;script&gt;alert(1)" in html
    for text in ("encoder=aligned_xception_tiny,", "Eta squared", "what two keys"):
        assert text in html
    links = set(re.findall(r'href="(\d+)/report.html"', html))
    assert links == {path.parent.name for path in wide.glob("*/report.html")}


def test_further_sections_stand_in_the_page(wide):
    sections = [Section("What was claimed", "<b>text</b>", "By some.")]
    html = page(wide, read_sweep(wide), sections)
    assert "<h2>What was claimed</h2>" in html and "&lt;b&gt;text" in html
    assert '<a href="#more-1">What was claimed</a>' in html


def test_report_makes_the_page_of_a_sweep(tmp_path):
    write_seeds(tmp_path / "sweep")
    done = seg("report", "sweep", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "report of a sweep" in (tmp_path / "sweep/report.html").read_text()
    done = seg("report", "sweep", "output=out/page.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Best mean mIoU" in (tmp_path / "out/page.html").read_text()
    assert not (tmp_path / "sweep" / FILE).exists()
    refused = seg("report", "sweep", "export=fiftyone", "output=x", cwd=tmp_path)
    assert refused.returncode == 2 and "takes a run" in refused.stderr


def test_report_of_a_sweeps_trials_stays_a_comparison(tmp_path):
    write_seeds(tmp_path / "sweep")
    for number in ("0", "1"):
        write_run(tmp_path / "sweep" / number)
    done = seg("report", "runs=sweep/*", "output=both.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "comparison of runs" in (tmp_path / "both.html").read_text()
