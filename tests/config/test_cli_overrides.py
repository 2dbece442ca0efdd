import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep

from seg.config.cli_overrides import open_mappings, quote_paths


@pytest.mark.parametrize(
    "value",
    [
        "photo (1).jpg",
        "ümlaut.jpg",
        "it's.jpg",
        "a#b.png",
        "a,b.jpg",
        "2024",
        "1e3",
        "true",
        "a=b/c.ckpt",
        "back\\slash",
        "runs/train/streets/2026-01-01_12-00-00",
        "../shared/data",
        "C:/pictures",
    ],
)
def test_paths_arrive_as_typed(value):
    (argument,) = quote_paths([f"input={value}"])
    parsed = OverridesParser.create().parse_override(argument).value()
    assert str(parsed) == value
    assert isinstance(parsed, str) or parsed.text == value


def test_home_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert quote_paths(["input=~/x.png"]) == ["input=/home/someone/x.png"]


@pytest.mark.parametrize(
    "argument",
    [
        *("weights=null", "input='a b'", 'input="a b"', "optimizer.lr=1e-3", "--help"),
        "runs=[runs/a,runs/b]",
        "dataset.classes=[traffic light,car]",
    ],
)
def test_the_rest_stays(argument):
    assert quote_paths([argument]) == [argument]


def test_a_sweep_keeps_its_commas():
    line = ["-m", "checkpoint=a,b"]
    assert quote_paths(line) == line


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ("my data (1)", ["my data (1)"]),
        ("runs/epoch=3-step=100.ckpt", ["runs/epoch=3-step=100.ckpt"]),
        ("a b,c=1.ckpt,d", ["a b", "c=1.ckpt", "d"]),
        ("'a, b',it's (2)", ["a, b", "it's (2)"]),
        ("2024,1e3", ["2024", "1e3"]),
        ("choice(a,b)", ["a", "b"]),
    ],
)
@pytest.mark.parametrize("sweep", ["-m", "sweep=learning_rate", "hydra.mode=MULTIRUN"])
def test_paths_of_a_sweep_arrive_as_typed(value, paths, sweep):
    argument = quote_paths([sweep, f"+dataset.root={value}"])[1]
    parsed = OverridesParser.create().parse_override(argument).value()
    values = parsed.list if isinstance(parsed, ChoiceSweep) else [parsed]
    assert [getattr(each, "text", each) for each in values] == paths


def test_null_and_paths_in_a_sweep():
    line = ["-m", "weights=null,a b.ckpt", "seed=1,2"]
    assert quote_paths(line) == ["-m", "weights=null,'a b.ckpt'", "seed=1,2"]


def test_label_groups_may_have_any_name():
    assert open_mappings(["labels.merge={traffic: [car]}", "seed=1", "labels=x"]) == [
        "++labels.merge={traffic: [car]}",
        "seed=1",
        "labels=x",
    ]


def test_one_option_of_an_encoders_variant_is_typed_alone():
    line = ["encoder.variant.order=pointwise_first", "encoder.variant={towers: 2}"]
    assert open_mappings(line) == [f"++{line[0]}", line[1]]
