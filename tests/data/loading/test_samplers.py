"""Which samples an epoch holds: the promised distributions, from the generator alone."""

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from seg.config.conf_dir import conf_dir
from seg.config.target_validation import check
from seg.data.loading.samplers import ClassUniform, RepeatFactor, Shuffle
from seg.data.statistics import DatasetStatistics
from seg.errors import ConfigError, DataError

# Of ten samples all hold class 0, five class 1, the last alone class 2; class 3 never occurs.
PRESENT = np.zeros((10, 4), bool)
PRESENT[:, 0] = True
PRESENT[5:, 1] = True
PRESENT[9, 2] = True
EPOCHS = 4000


def statistics(present=PRESENT) -> DatasetStatistics:
    counts = np.asarray(present, np.int64)
    samples, classes = counts.shape
    return DatasetStatistics(
        names=tuple(f"class {k}" for k in range(classes)),
        class_pixels=100 * counts,
        ignored_pixels=np.zeros(samples, np.int64),
        sizes=np.full((samples, 2), 20, np.int64),
    )


def make(kind, present=PRESENT, **choices):
    return kind(samples=len(present), statistics=statistics(present), **choices)


def counts(sampling, epochs=EPOCHS):
    """How often each sample came in each epoch, epochs x samples."""
    generator = np.random.default_rng(0)
    return np.stack([np.bincount(sampling.draw(generator), minlength=10) for _ in range(epochs)])


ALL = [
    make(Shuffle),
    make(ClassUniform, share=0.5),
    make(ClassUniform, share=1.0),
    make(RepeatFactor, threshold=0.4),
]


@pytest.mark.parametrize("sampling", ALL)
def test_an_epoch_is_a_function_of_the_generator(sampling):
    drawn = [sampling.draw(np.random.default_rng((7, epoch))) for epoch in (0, 0, 1)]
    assert drawn[0].dtype == np.int64
    assert [len(indices) for indices in drawn] == [10] * 3
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


@pytest.mark.parametrize(
    "sampling",
    [
        make(Shuffle),
        make(ClassUniform, share=0.0),
        make(RepeatFactor, threshold=0.05),
        make(RepeatFactor, present=np.ones((10, 1), bool), threshold=1.0),
    ],
)
def test_each_sample_once(sampling):
    assert (counts(sampling, 50) == 1).all()


def test_the_order_is_random():
    generator = np.random.default_rng(0)
    for sampling in ALL:
        first = np.array([sampling.draw(generator)[0] for _ in range(EPOCHS)])
        second = np.array([sampling.draw(generator)[-1] for _ in range(EPOCHS)])
        assert abs((first == 9).mean() - (second == 9).mean()) < 0.04


def test_class_uniform_gives_every_class_its_share():
    # A third of the draws for each class that occurs, each shared among those that hold it.
    expected = 10 / 3 * (PRESENT[:, :3] / PRESENT[:, :3].sum(axis=0)).sum(axis=1)
    assert expected[9] == pytest.approx(10 / 3 * (1 / 10 + 1 / 5 + 1))
    assert counts(make(ClassUniform, share=1.0)).mean(axis=0) == pytest.approx(expected, abs=0.1)


def test_class_uniform_leaves_the_rest_to_a_permutation():
    uniform = 5 / 3 * (PRESENT[:, :3] / PRESENT[:, :3].sum(axis=0)).sum(axis=1)
    drawn = counts(make(ClassUniform, share=0.5))
    assert drawn.mean(axis=0) == pytest.approx(0.5 + uniform, abs=0.1)
    assert ((drawn > 0).sum(axis=1) >= 5).all()


def test_repeat_factors_by_hand():
    factors = make(RepeatFactor, threshold=0.4).factors
    # sqrt(0.4 / 0.1) = 2 for the one sample with class 2; the others' classes are frequent
    assert factors.tolist() == pytest.approx([1.0] * 9 + [2.0])
    factors = make(RepeatFactor, threshold=0.8).factors
    assert factors.tolist() == pytest.approx([1.0] * 5 + [1.6**0.5] * 4 + [8**0.5])


def test_a_sample_without_classes_has_factor_one():
    present = np.array([[True, False], [False, False]])
    assert make(RepeatFactor, present=present, threshold=0.4).factors.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("threshold", [0.4, 0.8])
def test_samples_come_in_proportion_to_their_factor(threshold):
    sampling = make(RepeatFactor, threshold=threshold)
    expected = 10 * sampling.factors / sampling.factors.sum()
    drawn = counts(sampling)
    assert drawn.mean(axis=0) == pytest.approx(expected, abs=0.04)
    assert (np.abs(drawn - expected) < 1).all()


def test_rare_samples_do_not_come_in_fixed_company():
    # Without a new order each time, either both or none of two neighbours would be left out.
    present = np.ones((10, 2), bool)
    present[1:, 1] = False
    left_out = counts(make(RepeatFactor, present=present, threshold=0.4)) == 0
    pairs = {tuple(np.flatnonzero(row)) for row in left_out}
    assert {pair for (pair,) in (pairs - {()})} == set(range(1, 10))


def test_statistics_are_asked_for_once_and_late():
    asked = []

    def count():
        asked.append(1)
        return statistics()

    shuffle = Shuffle(samples=10, statistics=count)
    uniform = ClassUniform(share=0.5, samples=10, statistics=count)
    generator = np.random.default_rng(0)
    shuffle.draw(generator)
    assert not asked
    for _ in range(3):
        uniform.draw(generator)
    assert len(asked) == 1


def test_statistics_of_another_dataset_are_refused():
    with pytest.raises(ValueError, match="statistics of 10 samples for a dataset of 9"):
        RepeatFactor(threshold=0.5, samples=9, statistics=statistics()).draw(
            np.random.default_rng(0)
        )


def test_no_class_at_all():
    with pytest.raises(DataError, match="no class occurs in any training sample"):
        make(ClassUniform, present=np.zeros((3, 2)), share=0.5).draw(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("kind", "choices", "words"),
    [
        (ClassUniform, {"share": 1.5}, "sampler.share 1.5 must be from 0 to 1"),
        (ClassUniform, {"share": -0.1}, "sampler.share"),
        (ClassUniform, {"share": float("nan")}, "sampler.share"),
        (RepeatFactor, {"threshold": 0.0}, "sampler.threshold 0.0 must be above 0"),
        (RepeatFactor, {"threshold": 2.0}, "at most 1"),
    ],
)
def test_impossible_choices_are_refused(kind, choices, words):
    with pytest.raises(ConfigError, match=words):
        make(kind, **choices)


@pytest.mark.parametrize("option", ["shuffle", "class_uniform", "repeat_factor"])
def test_options_build(option):
    with initialize_config_dir(str(conf_dir() / "sampler"), version_base="1.3"):
        node = dict(compose(option))
    check(node, "sampler", ("samples", "statistics"))
    # Hydra turns a dataclass that it is given into a mapping: it takes what gives one.
    sampling = instantiate(node, samples=10, statistics=statistics)
    assert len(sampling.draw(np.random.default_rng(0))) == 10
