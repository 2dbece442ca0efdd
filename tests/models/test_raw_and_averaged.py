"""Files that hold raw weights, their averages, or both."""

import pytest
import torch

from seg.errors import DataError
from seg.models.segmenter import create_model
from seg.models.weights import load_weights
from tests.models.trained_networks import SMALL, equal, randomised, save_own, trained

RAW_AND_AVERAGED = {
    "ema": lambda raw, ema: {"state_dict": raw, "ema": ema},
    "state_dict_ema": lambda raw, ema: {"state_dict": raw, "state_dict_ema": ema},
    "model_ema": lambda raw, ema: {"model": raw, "model_ema": {"module": ema}},
    "one dictionary": lambda raw, ema: {
        **{f"model.{name}": value for name, value in raw.items()},
        **{f"ema_model.module.{name}": value for name, value in ema.items()},
    },
    "Lightning": lambda raw, ema: {
        "state_dict": {f"model.{name}": value for name, value in ema.items()},
        "current_model_state": {f"model.{name}": value for name, value in raw.items()},
    },
}


@pytest.mark.parametrize("kind", RAW_AND_AVERAGED)
def test_raw_and_averaged_weights_are_told_apart_and_chosen(kind, tmp_path):
    raw, ema = randomised(create_model(SMALL)), randomised(create_model(SMALL))
    content = RAW_AND_AVERAGED[kind](raw.state_dict(), ema.state_dict())
    torch.save(content, tmp_path / "a.pth")
    usual = ema if kind == "Lightning" else raw
    for chosen, expected in ((None, usual), (True, ema), (False, raw)):
        target = create_model(SMALL)
        coverage = load_weights(target, tmp_path / "a.pth", moving_average=chosen)
        assert equal(target, expected)
        words = "moving averages" if expected is ema else "weights in training"
        if chosen is None:
            assert f"the {words}; moving_average={str(expected is raw).lower()} takes" in str(
                coverage
            )


def test_averages_alone_are_the_weights(tmp_path):
    source = randomised(create_model(SMALL))
    averaged = torch.optim.swa_utils.AveragedModel(source)
    for content in ({"ema": source.state_dict(), "epoch": 3}, averaged.state_dict()):
        torch.save(content, tmp_path / "a.pth")
        target = create_model(SMALL)
        coverage = load_weights(target, tmp_path / "a.pth")
        assert equal(target, source)
        assert not coverage.taken
        with pytest.raises(DataError, match="no moving averages"):
            load_weights(target, tmp_path / "a.pth", moving_average=True)


def test_our_own_averages_lie_beside_the_weights_in_training(tmp_path):
    averages, in_training = randomised(trained()), randomised(trained(seed=2))
    save_own(averages, tmp_path / "a.ckpt")
    content = torch.load(tmp_path / "a.ckpt", weights_only=True)
    content["moving_average"] = {"step": 3, "in_training": in_training.state_dict()}
    torch.save(content, tmp_path / "a.ckpt")
    for chosen, expected in ((None, averages), (False, in_training)):
        target = trained(seed=1)
        coverage = load_weights(target, tmp_path / "a.ckpt", moving_average=chosen)
        assert coverage.taken.startswith("the ")
        assert equal(target, expected)
