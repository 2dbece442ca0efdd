"""The order of samples: decided by (seed, epoch), shared out among ranks, resumable."""

import pytest

from seg.data.loading.resumable_sampler import EpochOrder, SampleKey
from seg.errors import ConfigError


def make(length: int = 23, **changes) -> EpochOrder:
    choices = {"batch_size": 4, "seed": 0, "shuffle": True, "drop_last": True, **changes}
    return EpochOrder(length, **choices)


def consume(order: EpochOrder, count: int | None = None) -> list[list[SampleKey]]:
    """What a loader that fetches three batches ahead would deliver."""
    batches = list(order)[:count]
    for _ in batches:
        order.advance()
    return batches


def indices(batches: list[list[SampleKey]]) -> list[int]:
    return [key.index for batch in batches for key in batch]


def test_an_epoch_holds_each_sample_once():
    batches = consume(make())
    assert [len(batch) for batch in batches] == [4] * 5
    assert len(set(indices(batches))) == 20
    assert {key.epoch for batch in batches for key in batch} == {0}


def test_every_epoch_has_its_own_order_and_every_seed():
    order = make()
    epochs = [consume(order) for _ in range(3)]
    assert [batches[0][0].epoch for batches in epochs] == [0, 1, 2]
    assert len({tuple(indices(batches)) for batches in [*epochs, consume(make(seed=1))]}) == 4


def test_epochs_do_not_depend_on_those_before():
    order, other = make(), make()
    consume(order)
    other.set_epoch(1)
    assert consume(order) == consume(other)


def test_evaluation_keeps_the_order_of_the_dataset():
    order = make(shuffle=False, drop_last=False)
    assert indices(consume(order)) == indices(consume(order)) == list(range(23))
    assert len(order) == 6


@pytest.mark.parametrize("delivered", range(6))
def test_a_resumed_run_sees_what_the_other_would_have_seen(delivered):
    straight = make()
    expected = consume(straight) + consume(straight)
    broken = make()
    seen = consume(broken, delivered)
    resumed = make()
    resumed.load_state_dict(broken.state_dict())
    while len(seen) < 10:
        seen += consume(resumed)
    assert seen == expected
    assert resumed.state_dict() == straight.state_dict() == {"epoch": 1, "batches": 5}


def test_naming_the_epoch_again_does_not_lose_the_position():
    # Lightning names it before every epoch, also the one it resumes.
    order = make()
    order.load_state_dict({"epoch": 3, "batches": 2})
    order.set_epoch(3)
    assert len(consume(order)) == 3
    order.set_epoch(4)
    assert len(consume(order)) == 5


def test_a_pass_that_was_broken_off_is_started_again():
    order = make()
    first = consume(order, 2)
    assert consume(order)[:2] == first
    order.load_state_dict({"epoch": 0, "batches": 4})
    order.set_epoch(1)
    assert len(consume(order)) == 5


@pytest.mark.parametrize("length", [24, 23, 22, 21, 17])
@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("shuffle", [True, False])
def test_ranks_share_an_epoch(length, drop_last, shuffle):
    ranks = [
        make(length, rank=r, world_size=3, shuffle=shuffle, drop_last=drop_last) for r in range(3)
    ]
    shares = [consume(order) for order in ranks]
    assert [len(share) for share in shares] == [len(order) for order in ranks]
    together = [index for share in shares for index in indices(share)]
    assert len(together) == len(set(together))
    if shuffle:
        assert len({len(share) for share in shares}) == 1
        assert all(len({len(batch) for batch in step}) == 1 for step in zip(*shares, strict=True))
    if drop_last:
        assert len(together) == length // 12 * 12
    else:
        assert length - len(together) == (length % 3 if shuffle else 0)


def test_ranks_resume_together():
    expected = [consume(make(rank=r, world_size=2))[1:] for r in range(2)]
    for rank in range(2):
        order = make(rank=rank, world_size=2)
        order.load_state_dict({"epoch": 0, "batches": 1})
        assert consume(order) == expected[rank]


def test_the_last_batch_may_be_small():
    assert [len(batch) for batch in consume(make(9, drop_last=False))] == [4, 4, 1]


@pytest.mark.parametrize(
    ("length", "changes", "words"),
    [
        (3, {}, "larger than the 3 samples(?s:.*)allowed: 1 to 3"),
        (3, {"drop_last": False}, "larger than the 3 samples"),
        (7, {"world_size": 2}, "on each of 2 processes(?s:.*)allowed: 1 to 3"),
        (0, {"shuffle": False, "drop_last": False}, "empty"),
        (5, {"batch_size": 0}, "batch_size 0"),
        (5, {"seed": -1}, "seed -1"),
        (5, {"rank": 2, "world_size": 2}, "rank 2"),
    ],
)
def test_impossible_choices_are_refused(length, changes, words):
    with pytest.raises(ConfigError, match=words):
        make(length, **changes)


def test_a_small_set_can_be_evaluated_in_large_batches():
    assert indices(consume(make(3, shuffle=False, drop_last=False))) == [0, 1, 2]
