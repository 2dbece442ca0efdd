import numpy as np
import pytest

from seg.sweeps.importance import eta_squared, importances
from seg.sweeps.trials import Sweep, Trial


def by_formula(groups, values):
    """One-way eta squared as a ratio of sums of squares, in double precision."""
    groups, values = np.asarray(groups), np.asarray(values, np.float64)
    within = sum(
        ((values[groups == g] - values[groups == g].mean()) ** 2).sum()
        for g in set(groups.tolist())
    )
    return 1 - within / ((values - values.mean()) ** 2).sum()


def swept(rows, values):
    trials = [
        Trial(number, choices, "finished", value)
        for number, (choices, value) in enumerate(zip(rows, values, strict=True))
    ]
    return Sweep("train", (), "val/miou", trials=tuple(trials))


@pytest.mark.parametrize("seed", range(4))
def test_eta_squared_is_the_formula(seed):
    rng = np.random.default_rng(seed)
    groups, values = rng.integers(0, 4, 40).tolist(), rng.normal(size=40).tolist()
    assert np.isclose(eta_squared(groups, values), by_formula(groups, values), rtol=1e-12)


def test_it_is_the_f_test_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    samples = [rng.normal(mean, 1, 12) for mean in (0.0, 0.5, 2.0)]
    share = eta_squared(np.repeat([0, 1, 2], 12).tolist(), np.concatenate(samples).tolist())
    assert np.isclose(share / 2 / ((1 - share) / 33), stats.f_oneway(*samples).statistic)


def test_numbers_of_many_values_are_cut_at_quartiles():
    rng = np.random.default_rng(1)
    rates, values = 10 ** rng.uniform(-5, -1, 30), rng.normal(size=30)
    found = importances(swept([{"lr": str(rate)} for rate in rates], values.tolist()))
    edges = np.quantile(rates, (0.25, 0.5, 0.75))
    assert (found[0].groups, found[0].quartiles) == (4, True)
    assert np.isclose(found[0].share, by_formula(np.searchsorted(edges, rates), values))


def test_keys_are_ordered_and_what_tells_nothing_has_no_share():
    rows = [
        {"encoder": "ab"[n % 2], "size": str(n % 3), "fixed": "1", "own": "abcdefghijkl"[n]}
        for n in range(12)
    ]
    values = [float(n % 2) + 0.01 * n for n in range(12)]
    found = importances(swept(rows, values))
    assert [each.key for each in found] == ["encoder", "size", "own"]
    assert np.isclose(found[0].share, by_formula([n % 2 for n in range(12)], values))
    assert found[2].share is None and found[2].groups == 12


def test_a_key_that_some_trials_lack_makes_a_group_of_them():
    rows = [{"a": "1"} if n % 2 else {"a": "2", "gamma": str(n % 4)} for n in range(8)]
    values = [0.1, 0.5, 0.3, 0.6, 0.1, 0.4, 0.2, 0.5]
    of = {each.key: each for each in importances(swept(rows, values))}
    groups = ["none" if n % 2 else str(n % 4) for n in range(8)]
    assert np.isclose(of["gamma"].share, by_formula(groups, values))


def test_equal_values_and_few_trials_explain_nothing():
    assert eta_squared([0, 1, 1], [0.5, 0.5, 0.5]) is None
    assert importances(swept([{"a": "1"}], [0.5])) == []
    assert importances(swept([], [])) == []
