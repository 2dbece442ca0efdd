"""Head, loss, scores, augmentation and mixing, each against a formula or a library."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax
from torch import nn
from torchvision.transforms import v2

from seg.data.classification.augmentation import ImageAugmentation, centre_crop
from seg.data.classification.mixing import Mixing
from seg.data.classification.sample import ClassifiedImage, ClassNames
from seg.errors import ConfigError, DataError
from seg.losses.classification import ImageLabelLoss
from seg.metrics.top_k import TopKScores, ranks
from seg.models.classifier import Classifier
from seg.models.encoders import create_encoder
from seg.optim.groups import ParameterGroups
from seg.optim.schedules import exponential


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("hidden", [(), (12, 8)])
def test_head(hidden):
    model = Classifier(create_encoder("aligned_xception_micro"), num_classes=5, hidden=hidden)
    assert model(torch.zeros(2, 3, 33, 33)).shape == (2, 5)
    widths = [model.encoder.channels[-1], *hidden, 5]
    linear = [each for each in model.modules() if isinstance(each, nn.Linear)]
    assert [each.weight.shape for each in linear] == [
        (after, before) for before, after in pairwise(widths)
    ]
    groups = ParameterGroups(last_layer_multiplier=10)(model)
    fast = {id(p) for group in groups if group["lr_multiplier"] == 10 for p in group["params"]}
    assert fast == {id(parameter) for parameter in model.linear.parameters()}


def test_dropout_acts_before_the_last_layer_in_training_alone():
    model = Classifier(create_encoder("aligned_xception_micro"), num_classes=4, dropout=0.5)
    seen = []
    model.linear.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = torch.rand(4, 3, 33, 33)
    for mode in (True, False):
        model.train(mode)
        pooled = model.pooled(image)
        model(image)
        dropped = (seen[-1] == 0) & (pooled != 0)
        assert (0.3 < dropped.float().mean() < 0.7) if mode else not dropped.any()


def test_probabilities():
    logits = numbers(3, 4)
    of = {
        outputs: Classifier(
            create_encoder("aligned_xception_micro"), num_classes=4, outputs=outputs
        ).probabilities(torch.tensor(logits))
        for outputs in ("softmax", "logistic")
    }
    np.testing.assert_allclose(of["softmax"], np.exp(log_softmax(logits, 1)), rtol=1e-12)
    np.testing.assert_allclose(of["logistic"], expit(logits), rtol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_softmax_loss_is_torchs(smoothing):
    logits, label = torch.tensor(numbers(6, 5)).float(), torch.tensor([0, 4, 2, 1, 1, 3])
    ours = ImageLabelLoss("softmax", smoothing=smoothing)(logits, label)
    theirs = nn.functional.cross_entropy(logits, label, label_smoothing=smoothing)
    torch.testing.assert_close(ours, theirs)


def test_logistic_loss_by_its_formula():
    logits = numbers(4, 3)
    label = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]], np.float32)
    target = label * 0.8 + 0.2 / 3
    p = expit(logits)
    expected = -(target * np.log(p) + (1 - target) * np.log1p(-p)).mean()
    loss = ImageLabelLoss("logistic", smoothing=0.2)
    assert float(loss(torch.tensor(logits), torch.tensor(label))) == pytest.approx(expected)
    one = torch.tensor([2, 0, 1, 1])
    hot = torch.eye(3)[one]
    torch.testing.assert_close(loss(torch.tensor(logits), one), loss(torch.tensor(logits), hot))


def test_top_k_by_sorting():
    logits, label = numbers(200, 12), np.random.default_rng(1).integers(12, size=200)
    logits[:20] = np.round(logits[:20])  # ties
    guesses = np.argsort(-logits, 1, kind="stable")
    first = (guesses[:, 0] == label).mean()
    five = (guesses[:, :5] == label[:, None]).any(1).mean()
    scores = TopKScores()
    for part in (np.s_[:70], np.s_[70:]):
        size = len(label[part])
        scores.update(torch.tensor(logits[part]), torch.tensor(label[part]), torch.tensor(size))
    found = scores.compute("val")
    assert found == {
        "val/loss": pytest.approx((70 * 70 + 130 * 130) / 200),
        "val/top1": first,
        "val/top5": five,
    }
    assert np.isnan(scores.compute("val")["val/top1"])


def test_with_several_labels_the_best_guessed_counts():
    logits = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    label = torch.tensor([[0.0, 1, 1], [1, 0, 1], [0, 0, 0]])
    assert ranks(logits, label).tolist() == [1, 0, 3]


def sample(height=40, width=60):
    image = np.random.default_rng(0).integers(256, size=(height, width, 3), dtype=np.uint8)
    return ClassifiedImage("x", image, np.array(1))


def augmentation():
    return ImageAugmentation(
        [v2.RandomResizedCrop(32, antialias=True), v2.RandomHorizontalFlip(), v2.RandAugment()],
        size=32,
    )


def test_augmentation_is_a_function_of_its_key_and_leaves_the_generator_alone():
    change, given = augmentation(), sample()
    before = torch.get_rng_state()
    first = change(given, (0, 1, 2)).image
    torch.rand(3)
    state = torch.get_rng_state()
    again = augmentation()(given, (0, 1, 2)).image
    assert np.array_equal(first, again)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(before, state)
    others = {change(given, key).image.tobytes() for key in ((1, 1, 2), (0, 2, 2), (0, 1, 3))}
    assert len(others | {first.tobytes()}) == 4
    assert first.shape == (32, 32, 3)
    assert np.array_equal(given.image, sample().image)


def test_pictures_of_another_size_are_refused():
    with pytest.raises(DataError, match="begin with RandomResizedCrop"):
        ImageAugmentation([v2.RandomHorizontalFlip()], size=32)(sample(), (0, 0, 0))
    with pytest.raises(ConfigError, match="RandAugment"):
        ImageAugmentation([nn.Identity()], size=32)


def test_the_scored_crop_is_what_torchvision_gives():
    """Scaling then cutting, as published numbers were made: all but the rim agrees."""
    yy, xx = np.mgrid[:300, :400] / 40
    image = (127 + 60 * np.sin(yy)[..., None] + 60 * np.cos(xx)[..., None] * np.ones(3)).astype(
        np.uint8
    )
    ours = centre_crop(image, 224, 224 / 256)
    theirs = v2.Compose(
        [v2.Resize(256, v2.InterpolationMode.BICUBIC, antialias=True), v2.CenterCrop(224)]
    )(torch.from_numpy(image).permute(2, 0, 1)).permute(1, 2, 0)
    assert ours.shape == (224, 224, 3)
    inner = np.s_[3:-3, 3:-3]
    assert np.abs(ours[inner].astype(int) - theirs.numpy()[inner]).max() <= 3
    assert np.array_equal(centre_crop(image[:64, :64], 64, 1.0), image[:64, :64])


@pytest.mark.parametrize(
    "choices",
    [{"mixup_alpha": 0.4}, {"cutmix_alpha": 1.0}, {"mixup_alpha": 0.4, "cutmix_alpha": 1.0}],
)
def test_mixing_shares_labels_as_it_shares_pixels(choices):
    mixing = Mixing(num_classes=4, **choices)
    label = torch.tensor([0, 1, 2, 3])
    # each picture has one colour, the class: the mean of a mixed picture tells the shares
    image = (label.float() * 50).view(4, 1, 1, 1).expand(4, 3, 40, 40).byte()
    state = torch.get_rng_state()
    mixed, target = mixing(image, label, key=(0, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(target.sum(1), torch.ones(4))
    expected = (target * torch.arange(4) * 50).sum(1)
    torch.testing.assert_close(mixed.mean((1, 2, 3)), expected, rtol=1e-4, atol=1e-3)
    again, _ = mixing(image, label, key=(0, 1, 2))
    other, _ = mixing(image, label, key=(0, 1, 3))
    assert torch.equal(mixed, again)
    assert not torch.equal(mixed, other)


def test_mixing_leaves_a_share_of_the_batches_alone():
    mixing = Mixing(num_classes=2, mixup_alpha=1.0, probability=0.5)
    image, label = torch.randint(255, (2, 3, 4, 4), dtype=torch.uint8), torch.tensor([0, 1])
    kinds = [mixing(image, label, key=(0, 0, i))[0].dtype for i in range(100)]
    assert 30 < kinds.count(torch.uint8) < 70
    several = Mixing(num_classes=2, mixup_alpha=1.0)(image, torch.eye(2), key=(0, 0, 0))[1]
    torch.testing.assert_close(several.sum(), torch.tensor(2.0))
    with pytest.raises(ConfigError, match="mixup_alpha or cutmix_alpha"):
        Mixing(num_classes=2)


def test_exponential_schedule_is_torchs():
    def rates(make, steps=25):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.045)
        schedule = make(optimizer)
        found = []
        for _ in range(steps):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        return found

    ours = rates(lambda o: exponential(optimizer=o, total_steps=25, gamma=0.94, every_steps=4))
    theirs = rates(lambda o: torch.optim.lr_scheduler.StepLR(o, 4, 0.94))
    assert ours == pytest.approx(theirs)
    with pytest.raises(ConfigError, match="every_steps"):
        exponential(
            optimizer=torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1),
            total_steps=5,
            gamma=0.9,
            every_steps=0,
        )


def test_categories():
    with pytest.raises(DataError, match="two or more"):
        ClassNames(("one",))
    with pytest.raises(DataError, match="one name"):
        ClassNames(("a", "a"))
    assert ClassNames(("a", "b")).label([1]).shape == ()
