import pytest

from seg.errors import DataError
from seg.sweeps.trials import FILE, Sweep, Trial, read_sweep, write_sweep

SWEEP = Sweep(
    command="train",
    line=("optimizer.lr=1e-3,1e-2", "seed=0"),
    monitor="val/miou",
    trials=(
        Trial(0, {"optimizer.lr": "1e-3"}, "finished", 0.4, 12.5),
        Trial(
            1, {"optimizer.lr": "1e-2", "seed": "1"}, "failed", error="a loss that is not finite"
        ),
        Trial(2, {"optimizer.lr": "1e-1"}, "pruned", 0.9),
        Trial(3, {"optimizer.lr": "3e-3"}, "finished", 0.6),
        Trial(4, {"optimizer.lr": "4e-3"}, "finished", 0.4),
        Trial(5, {"optimizer.lr": "5e-3"}, "running"),
    ),
)


def test_what_is_written_is_read(tmp_path):
    write_sweep(tmp_path, SWEEP)
    found = read_sweep(tmp_path)
    assert list(found.trials) == list(SWEEP.trials)
    assert list(found.line) == list(SWEEP.line)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_only_finished_ones_are_ranked():
    assert [trial.number for trial in SWEEP.ranked()] == [3, 0, 4]
    assert SWEEP.swept == ["optimizer.lr", "seed"]


@pytest.mark.parametrize("text", ["", "[]", '{"trials": [{"number": 1}]}', '{"trials": 3}'])
def test_damage_names_the_file(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(DataError, match=FILE):
        read_sweep(tmp_path)


def test_another_folder(tmp_path):
    with pytest.raises(DataError, match="no sweep there"):
        read_sweep(tmp_path)
