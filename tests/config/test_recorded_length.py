"""A run that goes on has the length it records; what is chosen now wins."""

import pytest
import yaml

from seg.config.recorded_length import with_recorded_length

KEYS = ("max_epochs", "max_steps", "check_val_every_n_epoch", "val_check_interval")
NOW = (-1, 2000, None, 200)
OLD = (11, -1, 4, None)  # of a run that was begun when own data had epochs
STEPS = (-1, 2000, None, 200)
BOTH = (11, 50, 4, None)


def lengths(tmp_path, recorded, before, now, composed=NOW):
    trainer = dict(zip(KEYS, recorded, strict=True))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"trainer": trainer}))
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(before))
    plain = {"trainer": {**dict(zip(KEYS, composed, strict=True)), "devices": 1}}
    found = with_recorded_length(plain, tmp_path, now)["trainer"]
    assert found["devices"] == 1
    return tuple(found[key] for key in KEYS)


@pytest.mark.parametrize(
    "case",
    [
        (OLD, ["dataset=folder"], ["dataset=folder"], NOW, OLD),
        (BOTH, ["trainer.max_steps=50"], ["trainer.max_steps=50"], (-1, 50, None, 5), BOTH),
        # longer by the number that counts, or by the other one: the interval stays
        (STEPS, [], ["trainer.max_steps=3000"], (-1, 3000, None, 300), (-1, 3000, None, 200)),
        (STEPS, [], ["trainer.max_epochs=90"], (90, -1, 9, None), (90, -1, None, 200)),
        (OLD, [], ["trainer.max_steps=3000"], (-1, 3000, None, 300), (-1, 3000, 4, None)),
        (OLD, [], ["trainer.max_epochs=20"], (20, -1, 2, None), (20, -1, 4, None)),
        # another distance of validations, another recipe, a choice that is dropped
        (OLD, [], ["trainer.check_val_every_n_epoch=1"], (-1, 2000, 1, None), (11, -1, 1, None)),
        (OLD, [], ["trainer=cityscapes_90k"], (-1, 90000, None, 2500), (-1, 90000, None, 2500)),
        ((3, -1, 4, None), ["trainer.max_epochs=3"], [], NOW, NOW),
    ],
)
def test_of_what_is_recorded_and_what_is_chosen(case, tmp_path):
    recorded, before, now, composed, expected = case
    assert lengths(tmp_path, recorded, before, now, composed) == expected


def test_a_record_with_auto_stands_for_its_numbers(tmp_path):
    auto = ("auto", "auto", "auto", "auto")
    assert lengths(tmp_path, auto, [], [], NOW) == OLD  # no dataset in it that counts steps


@pytest.mark.parametrize("text", ["[", "a: 1\n", ""])
def test_a_record_that_says_nothing_changes_nothing(text, tmp_path):
    (tmp_path / "config.yaml").write_text(text)
    assert with_recorded_length({"trainer": {"max_epochs": 1}}, tmp_path, []) == {
        "trainer": {"max_epochs": 1}
    }
