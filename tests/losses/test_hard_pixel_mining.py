"""Which pixels count, against their definition by sorting."""

import pytest
import torch
from torch.nn import functional

from seg.errors import ConfigError
from seg.losses.focal import Focal
from seg.losses.hard_pixel_mining import HardPixelMining, Ohem

FACTS = {"num_classes": 4, "ignore_index": 255}


def batch():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(2, 4, 10, 10, generator=generator)
    label = torch.randint(0, 4, (2, 10, 10), generator=generator).byte()
    label[:, :3] = 255
    return logits, label


def sorted_losses():
    logits, label = batch()
    losses = functional.cross_entropy(logits, label.long(), ignore_index=255, reduction="none")
    return losses[label != 255].sort(descending=True).values  # 140 of 200 pixels


def test_top_pixels_follow_their_ramp():
    loss = HardPixelMining(**FACTS, share=0.1, ramp_steps=4)
    shares = [1.0, 0.775, 0.55, 0.325, 0.1, 0.1]
    for share in shares:
        kept = sorted_losses()[: int(200 * share)]  # of all pixels, as in DeepLab
        torch.testing.assert_close(loss(*batch()), kept.mean())
    loss.eval()
    loss(*batch())
    assert loss.step == len(shares)
    resumed = HardPixelMining(**FACTS, share=0.1, ramp_steps=4)
    resumed.load_state_dict(loss.state_dict())
    assert resumed.present_share() == pytest.approx(0.1)


@pytest.mark.parametrize("threshold", [0.05, 0.4, 1.0])
def test_ohem_keeps_the_improbable_and_no_fewer_than_its_share(threshold):
    probabilities = (-sorted_losses()).exp()
    count = max(int((probabilities <= threshold).sum()), 14)
    loss = Ohem(**FACTS, threshold=threshold, min_share=0.1)
    torch.testing.assert_close(loss(*batch()), sorted_losses()[:count].mean())


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("weights", [None, [1.0, 0.5, 2.0, 3.0]])
def test_focal_is_its_formula(gamma, weights):
    logits, label = batch()
    counted = label != 255
    p = logits.double().softmax(1).movedim(1, -1)[counted]
    right = label[counted].long()
    p = p[torch.arange(len(p)), right]
    weight = torch.ones(4).double() if weights is None else torch.tensor(weights).double()
    expected = (weight[right] * (1 - p) ** gamma * -p.log()).sum() / weight[right].sum()
    found = Focal(**FACTS, gamma=gamma, class_weights=weights)(logits, label)
    torch.testing.assert_close(found, expected.float())


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (HardPixelMining, {"share": 0.0}, "share=0.0"),
        (HardPixelMining, {"ramp_steps": -1}, "ramp_steps=-1"),
        (Ohem, {"threshold": 1.5}, "threshold=1.5"),
        (Ohem, {"min_share": 2}, "min_share=2"),
        (Focal, {"gamma": -1}, "gamma=-1"),
        (Focal, {"class_weights": [1.0]}, "1 weights for 4 classes"),
        (Ohem, {"class_weights": "auto"}, "auto needs the training labels"),
    ],
)
def test_wrong_options(kind, options, message):
    with pytest.raises(ConfigError, match=message):
        kind(**FACTS, **options)
