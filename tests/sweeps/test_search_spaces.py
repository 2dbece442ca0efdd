"""Hydra's sweep grammar -> values and spaces."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from seg.errors import ConfigError
from seg.sweeps.grid_search import Grid
from seg.sweeps.search_spaces import space_of, split


def sweeps(*overrides):
    return split(OverridesParser.create().parse_overrides(list(overrides))).sweeps


def test_later_values_take_the_place_of_earlier_ones():
    line = ["a.b=1,2", "c=x", "+d=range(3)", "a.b=7", "c=y,z", "~e", "f='p,q'"]
    found = split(OverridesParser.create().parse_overrides(line))
    assert list(found.common) == ["a.b=7", "~e", "f='p,q'"]
    assert list(found.sweeps) == ["c", "+d"]


def test_a_grid_in_order():
    grid = Grid(sweeps("a=1e-3,1e-2", "b=x,y,null"))
    assert grid.total == 6
    chosen = [grid.choices(number) for number in range(6)]
    assert [each["a"] for each in chosen] == ["0.001"] * 3 + ["0.01"] * 3
    assert [each["b"] for each in chosen] == ["x", "y", "null"] * 2
    shown = grid.samples()
    assert len(shown) == 3
    assert {each["a"] for each in shown} == {"0.001", "0.01"}
    assert {each["b"] for each in shown} == {"x", "y", "null"}


def test_a_shuffled_grid_is_the_same_every_time():
    orders = [
        [grid.choices(number)["a"] for number in range(grid.total)]
        for grid in (Grid(sweeps("a=shuffle(range(50))")) for _ in range(2))
    ]
    assert orders[0] == orders[1]
    assert sorted(orders[0], key=int) == [str(number) for number in range(50)]
    assert orders[0] != sorted(orders[0], key=int)


def test_nothing_to_choose_from():
    with pytest.raises(ConfigError, match="nothing to choose from"):
        Grid(sweeps("a=range(3,3)"))


@pytest.mark.parametrize(
    ("override", "kind", "bounds"),
    [
        ("a=interval(1,2)", "FloatDistribution", (1.0, 2.0, False, None)),
        ("a=tag(log,interval(1e-4,1e-1))", "FloatDistribution", (1e-4, 1e-1, True, None)),
        ("a=int(interval(1,8))", "IntDistribution", (1, 8, False, 1)),
        ("a=tag(log,int(interval(1,64)))", "IntDistribution", (1, 64, True, 1)),
        ("a=range(1,10,4)", "IntDistribution", (1, 9, False, 4)),
        ("a=range(0.5,1.01,0.25)", "FloatDistribution", (0.5, 1.0, False, 0.25)),
    ],
)
def test_spaces(override, kind, bounds):
    pytest.importorskip("optuna")
    space = space_of("a", sweeps(override)["a"])
    found = space.distribution
    assert type(found).__name__ == kind
    assert (found.low, found.high, found.log, found.step) == bounds


def test_draws_read_well_and_stay_inside():
    optuna = pytest.importorskip("optuna")
    line = ("a=interval(0.123456789,0.2)", "b=range(0.1,0.75,0.1)", "c=1e-3,1e-2", "d=range(3)")
    spaces = {key: space_of(key, each) for key, each in sweeps(*line).items()}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(30):
        drawn = study.ask({key: space.distribution for key, space in spaces.items()}).params
        rounded = {key: space.rounded(drawn[key]) for key, space in spaces.items()}
        for key, space in spaces.items():
            assert space.distribution._contains(
                space.distribution.to_internal_repr(rounded[key])
            ), (key, rounded[key])
        texts = {key: space.text(rounded[key]) for key, space in spaces.items()}
        assert len(texts["a"]) <= 11
        assert abs(float(texts["a"]) - drawn["a"]) < 1e-6
        assert texts["b"] in {"0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"}
        assert texts["c"] in {"0.001", "0.01"}
        assert texts["d"] in {"0", "1", "2"}
