"""Verdicts on synthetic sweeps, against scipy's paired test."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from markupsafe import escape
from omegaconf import OmegaConf
from scipy import stats

from seg.errors import DataError
from seg.models.encoders import create_encoder
from seg.models.variants import Variant
from seg.sweeps.trials import Sweep, Trial, read_sweep
from seg.xception_paper.paired_test import joint, judge, paired_interval
from seg.xception_paper.paper import CLAIMS, PAPER
from seg.xception_paper.report import write_claims
from seg.xception_paper.report_sections import paper_sections
from seg.xception_paper.variants import variant_of
from tests.conftest import seg

BASE = "{between:none,norm_between:False}"
SEEDS = 4
NOISE = (0.004, -0.003, 0.001, -0.002)  # of the differences; its interval is +-0.005 wide


def form(**changes):
    options = {"between": "none", "norm_between": False, **changes}
    return "{" + ",".join(f"{key}:{value}" for key, value in options.items()) + "}"


def sweep_of(scores, *, monitor="val/top1", maximize=True):
    """`form -> value of each seed`; a Trial stands for itself."""
    trials = []
    for variant, values in scores.items():
        for seed, value in enumerate(values):
            choices = {"encoder.variant": variant, "seed": str(seed)}
            made = Trial(len(trials), choices, "finished", value, 30.0 + seed)
            if isinstance(value, str):
                made = replace(made, state=value, value=None, error="lost")
            trials.append(made)
    return Sweep("pretrain", ["sweep=xception_paper"], monitor, maximize, tuple(trials))


def around(mean, count=SEEDS):
    return [mean + NOISE[seed] for seed in range(count)]


def answers(folder, sweep, **options):
    write_claims(folder, sweep, **options)
    found = json.loads((folder / "claims.json").read_text())
    return {each["key"]: each for each in found["claims"]}, found


@pytest.mark.parametrize("differences", [(0.1, 0.3, -0.05), NOISE, (1.0, 2.0)])
def test_the_interval_is_that_of_the_paired_t_test(differences):
    ours = np.linspace(0.3, 0.5, len(differences)) + differences
    reference = stats.ttest_rel(ours, np.linspace(0.3, 0.5, len(differences)))
    low, high = reference.confidence_interval(0.95)
    found = paired_interval(differences)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.mean == pytest.approx(np.mean(differences))


@pytest.mark.parametrize("differences", [(), (0.2,), (0.2, 0.2, 0.2)])
def test_what_says_nothing_of_chance_decides_nothing(differences):
    found = paired_interval(differences)
    assert found.low is None
    assert {judge(found, kind, 0.1) for kind in ("better", "no worse", "no matter")} == {
        "undecided"
    }


@pytest.mark.parametrize(
    ("key", "changes", "gains"),
    [
        ("residual", {"residual": False}, {0.03: "reproduced", -0.03: "not", 0.002: "undecided"}),
        ("order", {"order": "pointwise_first"}, {0.0: "reproduced", 0.03: "not", 0.008: "un"}),
        ("order", {"order": "pointwise_first"}, {-0.03: "not", -0.008: "undecided"}),
        ("extreme", {"towers": 4}, {0.0: "reproduced", 0.03: "reproduced", -0.03: "not"}),
        ("extreme", {"towers": 4}, {-0.009: "undecided"}),
    ],
)
def test_verdicts(tmp_path, key, changes, gains):
    for gain, verdict in gains.items():
        base = [0.4, 0.42, 0.38, 0.41]
        ours = [value + gain + noise for value, noise in zip(base, NOISE, strict=True)]
        found, _ = answers(tmp_path, sweep_of({BASE: ours, form(**changes): base}))
        assert found[key]["verdict"].startswith(verdict), gain
        (compared,) = found[key]["comparisons"]
        reference = stats.ttest_rel(ours, base).confidence_interval(0.95)
        assert (compared["low"], compared["high"]) == pytest.approx(tuple(reference))
        told = (
            f"{100 * np.mean(np.subtract(ours, base)):+.1f} points ({100 * reference.low:+.1f} to"
        )
        assert told in found[key]["sentence"]
        assert (tmp_path / "claims.md").read_text().count(found[key]["sentence"]) == 1


def test_both_activations_must_be_worse(tmp_path):
    scores = {BASE: around(0.4), form(between="relu"): [0.35] * SEEDS}
    found, _ = answers(tmp_path, sweep_of(scores))
    assert [each["verdict"] for each in found["no_activation"]["comparisons"]] == [
        "reproduced",
        "undecided",
    ]
    assert found["no_activation"]["verdict"] == "undecided"
    assert "no pair" in found["no_activation"]["sentence"]
    found, _ = answers(tmp_path, sweep_of({**scores, form(between="elu"): [0.36] * SEEDS}))
    assert found["no_activation"]["verdict"] == "reproduced"
    found, _ = answers(tmp_path, sweep_of({**scores, form(between="elu"): [0.45] * SEEDS}))
    assert found["no_activation"]["verdict"] == "not reproduced"
    assert joint([]) == "undecided"


def test_the_margin_is_what_would_matter(tmp_path):
    sweep = sweep_of({BASE: around(0.38), form(order="pointwise_first"): [0.4] * SEEDS})
    assert answers(tmp_path, sweep)[0]["order"]["verdict"] == "not reproduced"
    found, _ = answers(tmp_path, sweep, margin=0.05)
    assert found["order"]["verdict"] == "reproduced"
    assert "less than 5.0 points if at all" in found["order"]["sentence"]


def test_less_loss_is_better(tmp_path):
    sweep = sweep_of(
        {BASE: around(1.0), form(residual=False): [1.2] * SEEDS}, monitor="val/loss", maximize=False
    )
    found, _ = answers(tmp_path, sweep)
    assert found["residual"]["verdict"] == "reproduced"
    assert "+0.2 (" in found["residual"]["sentence"]


def test_one_seed_decides_nothing(tmp_path):
    found, _ = answers(tmp_path, sweep_of({BASE: [0.5], form(residual=False): [0.1]}))
    assert {each["verdict"] for each in found.values()} == {"undecided"}
    assert "+40.0 points (1 seed, no interval)" in found["residual"]["sentence"]


@pytest.mark.parametrize("state", ["failed", "pruned", "running"])
def test_what_is_missing_is_told(tmp_path, state):
    scores = {BASE: around(0.4), form(residual=False): [0.3, 0.31, state, 0.29]}
    found, whole = answers(tmp_path, sweep_of(scores))
    (compared,) = found["residual"]["comparisons"]
    assert compared["count"] == 3
    word = {"failed": "failed", "pruned": "was ended early", "running": "has not ended"}[state]
    assert compared["missing"] == [f"seed 2: trial 6 {word}"]
    assert f"[left out: seed 2: trial 6 {word}]" in found["residual"]["sentence"]
    assert whole["forms"][1]["values"] == {"seed 0": 0.3, "seed 1": 0.31, "seed 3": 0.29}
    lost = {BASE: around(0.4), form(residual=False): [state] * SEEDS}
    assert answers(tmp_path, sweep_of(lost))[0]["residual"]["verdict"] == "undecided"


def test_forms_are_told_by_their_meaning(tmp_path):
    same = {variant_of(text) for text in (BASE, "{norm_between: false, between: 'none'}")}
    assert same == {PAPER}
    assert {variant_of(text) for text in ("null", "{}", "{residual:true}")} == {Variant()}
    scores = {"null": around(0.4), "{between: relu}": [0.3] * SEEDS, "{kernel_size:5}": around(0.5)}
    found, whole = answers(tmp_path, sweep_of(scores))
    assert found["no_activation"]["comparisons"][0]["verdict"] == "reproduced"
    assert [each["name"] for each in whole["forms"]] == [
        "the paper's form",
        "ReLU between",
        "kernel size 5",
    ]
    assert whole["forms"][2]["beside"]["mean"] == pytest.approx(0.1)
    with pytest.raises(DataError, match=r"encoder\.variant=3"):
        write_claims(tmp_path, sweep_of({"3": around(0.4)}))


def test_pairs_share_all_other_choices(tmp_path):
    trials = [
        Trial(2 * n + side, {"encoder.variant": v, "optimizer.lr": lr}, "finished", base + gain)
        for n, (lr, base) in enumerate((("1e-3", 0.2), ("1e-2", 0.6)))
        for side, (v, gain) in enumerate(((BASE, 0.05 + n / 1000), (form(residual=False), 0.0)))
    ]
    sweep = Sweep("train", ["sweep=xception_paper"], "val/miou", True, tuple(trials))
    found, _ = answers(tmp_path, sweep)
    assert found["residual"]["verdict"] == "reproduced"
    assert "+5.1 points (+4.4 to +5.7, 2 pairs)" in found["residual"]["sentence"]


def written(folder, number, variant, curve=()):
    run = folder / str(number)
    run.mkdir()
    encoder = {"_target_": "seg.models.encoders.create_encoder", "name": "aligned_xception_micro"}
    config = {
        "encoder": {**encoder, "variant": variant},
        "classification_augmentation": {"size": 96},
    }
    OmegaConf.save(config, run / "config.yaml")
    rows = [f"{step},{value}" for step, value in curve]
    (run / "metrics.csv").write_text("\n".join(["step,val/top1", *rows]) + "\n")


def test_speed_is_the_mean_of_the_curve(tmp_path):
    sweep = sweep_of({BASE: around(0.4), form(residual=False): around(0.4)})
    for trial in sweep.trials:
        first = 0.3 + trial.number / 1000 if trial.number < SEEDS else 0.1
        written(tmp_path, trial.number, None, [(9, first), (19, 0.4)])
    found, whole = answers(tmp_path, sweep)
    assert found["residual"]["verdict"] == "undecided"
    assert found["residual_speed"]["verdict"] == "reproduced"
    assert found["residual_speed"]["comparisons"][0]["mean"] == pytest.approx(0.10075)
    assert whole["forms"][0]["curve"] == [[9, pytest.approx(0.3015)], [19, pytest.approx(0.4)]]
    assert list(write_claims(tmp_path, sweep)[1].curves) == ["the paper's form", "no residuals"]


def test_costs_are_counted(tmp_path):
    full = form(full=True)
    sweep = sweep_of(
        {BASE: around(0.4), full: around(0.4, 4)[::-1], form(kernel_size=5): ["failed"]}
    )
    for number, text in ((0, BASE), (4, full)):
        options = OverridesParser.create().parse_override(f"x={text}").value()
        written(tmp_path, number, options)
    found, whole = answers(tmp_path, sweep)
    separable, plain = (
        create_encoder("aligned_xception_micro", variant={**PAPER.__dict__, "full": full})
        for full in (False, True)
    )
    for row, encoder in zip(whole["forms"], (separable, plain), strict=False):
        assert row["parameters"] == sum(p.numel() for p in encoder.parameters())
    assert whole["forms"][2]["parameters"] is None
    weights = [
        (c.in_channels * c.out_channels, 1 / c.out_channels + 1 / 9, px)
        for c, px in zip(_convolutions(plain), _sides(plain, 96), strict=True)
    ]
    whole_cost = sum(9 * inout * px**2 for inout, _, px in weights)
    share = sum(9 * inout * px**2 * part for inout, part, px in weights) / whole_cost
    assert found["separable"]["saved"]["layers"] == len(weights) == 16
    assert found["separable"]["saved"]["share"] == pytest.approx(share)
    assert found["separable"]["saved"]["largest_gap"] < 1e-9
    assert f"cost {100 * share:.1f} % of the full ones" in found["separable"]["sentence"]
    section = write_claims(tmp_path, sweep)[1]
    assert section.rows[2] == ("kernel size 5", "0 of 1", *["\u2013"] * 5)


def _convolutions(encoder):
    return [
        conv.conv
        for flow in (encoder.entry, encoder.middle, encoder.exit)
        for block in flow
        for conv in block.convs
    ]


def _sides(encoder, size_px):
    sides = []
    hooks = [
        conv.register_forward_hook(lambda _m, _i, out: sides.append(out.shape[-1]))
        for conv in _convolutions(encoder)
    ]
    with torch.no_grad():
        encoder.eval()(torch.zeros(1, 3, size_px, size_px))
    for hook in hooks:
        hook.remove()
    return sides


def test_the_page_tells_them(tmp_path):
    scores = {BASE: around(0.4), form(residual=False): [0.35] * SEEDS}
    found, _ = answers(tmp_path, sweep_of(scores))
    claims, forms, *_ = paper_sections(tmp_path, sweep_of(scores))
    assert escape(found["residual"]["sentence"]) in claims.body
    assert forms.body.count("<tr>") == 3
    assert not paper_sections(tmp_path, replace(sweep_of(scores), line=["seed=1,2"]))


@pytest.mark.slow
def test_a_sweep_from_the_command_line(tmp_path):
    sizes = (
        "classification_dataset.train_length=16",
        "classification_dataset.val_length=16",
        "loader.batch_size=4",
    )
    more = ("trainer.max_epochs=2", "trainer.limit_train_batches=2", "seed=0,1")
    forms = f"encoder.variant=choice({BASE},{form(order='pointwise_first', towers=4)})"
    folder = f"hydra.sweep.dir={tmp_path / 'sweep'}"
    done = seg("pretrain", "sweep=xception_paper", *sizes, *more, forms, folder, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    sweep = read_sweep(tmp_path / "sweep")
    assert [trial.state for trial in sweep.trials] == ["finished"] * 4
    table = write_claims(tmp_path / "sweep", sweep)[1]
    assert [row[0] for row in table.rows] == [
        "the paper's form",
        "pointwise first, towers 4",
    ]
    assert table.rows[0][1] == "2 of 2"
    assert int(table.rows[1][4].replace(",", "")) > 2 * int(table.rows[0][4].replace(",", ""))
    assert all(len(curve) == 2 for curve in table.curves.values())
    page = (tmp_path / "sweep" / "report.html").read_text()
    assert all(claim.key in (tmp_path / "sweep/claims.json").read_text() for claim in CLAIMS)
    assert "pointwise first, towers 4</th>" in page
