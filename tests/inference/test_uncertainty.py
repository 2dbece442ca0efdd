"""Uncertainty against scipy and numpy, and of networks that are known to disagree."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy

from seg.data.outputs import Outputs
from seg.errors import ConfigError
from seg.inference.committee import check_members, iter_compared_blocks
from seg.inference.image_source import ArrayRaster
from seg.inference.inference import Inference
from seg.inference.uncertainty import disagreement, entropy, margin
from tests.prediction.conftest import altered, checkpoint, street

__all__ = ["checkpoint"]
SHAPE = (7, 9)


def softmax(classes=5, seed=0):
    return torch.randn(classes, *SHAPE, generator=torch.manual_seed(seed)).mul(2).softmax(0)


def sigmoids(outputs=3, seed=0):
    return torch.randn(outputs, *SHAPE, generator=torch.manual_seed(seed)).mul(2).sigmoid()


def test_entropy_is_scipys_over_its_greatest_value():
    shares = softmax()
    expected = scipy_entropy(shares.double().numpy(), axis=0, base=5)
    np.testing.assert_allclose(entropy(shares, 0).numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(entropy(shares.movedim(0, 1), 1).numpy(), expected, atol=1e-6)
    assert entropy(torch.full((4, 1), 0.25), 0).item() == 1
    assert entropy(torch.tensor([[1.0], [0.0]]), 0).item() == 0
    assert entropy(torch.full((4, 1), torch.nan), 0).isnan()


def test_entropy_of_sigmoids_is_the_mean_binary_entropy_in_bits():
    shares, outputs = sigmoids(), Outputs.multi_label(("a", "b", "c"))
    pairs = np.stack([shares.double().numpy(), 1 - shares.double().numpy()])
    expected = scipy_entropy(pairs, axis=0, base=2).mean(0)
    np.testing.assert_allclose(entropy(shares, 0, outputs).numpy(), expected, atol=1e-6)


def test_one_sigmoid_is_as_uncertain_as_a_softmax_of_two_classes():
    foreground, outputs = sigmoids(1), Outputs("binary", ("fore",), ((1,),))
    both = torch.cat([1 - foreground, foreground])
    members = (foreground, sigmoids(1, 1))
    pairs = (both, torch.cat([1 - members[1], members[1]]))
    for one, two in (
        (entropy(foreground, 0, outputs), entropy(both, 0)),
        (margin(foreground, 0, outputs), margin(both, 0)),
        (disagreement(members, 0, outputs), disagreement(pairs, 0)),
    ):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=0)


def test_margin_is_the_distance_of_the_two_greatest():
    shares = softmax()
    second, first = np.sort(shares.numpy(), axis=0)[-2:]
    np.testing.assert_allclose(margin(shares, 0).numpy(), 1 - (first - second), atol=1e-7)


def test_margin_of_a_sigmoid_is_greatest_at_its_threshold():
    outputs = Outputs.multi_label(("a",)).with_thresholds((0.2,))
    shares = torch.tensor([[0.0, 0.1, 0.2, 0.6, 1.0]])
    np.testing.assert_allclose(margin(shares, 0, outputs), [0, 0.5, 1, 0.5, 0], atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_disagreement_is_scipys_jensen_shannon_divergence(count):
    members = [softmax(seed=seed) for seed in range(count)]
    if count == 2:
        first, second = (each.double().numpy() for each in members)
        expected = jensenshannon(first, second, axis=0, base=2) ** 2
    else:  # entropy of the mean less mean of the entropies
        each = np.stack([member.double().numpy() for member in members])
        expected = scipy_entropy(each.mean(0)) - scipy_entropy(each, axis=1).mean(0)
        expected /= np.log(min(count, 5))
    np.testing.assert_allclose(disagreement(members, 0).numpy(), expected, atol=2e-6)


def test_disagreement_runs_from_0_to_1():
    sure = torch.eye(3)
    assert disagreement([sure, sure, sure], 0).max() == 0
    assert disagreement([sure[0], sure[1], sure[2]], 0).item() == pytest.approx(1)
    opposite = [torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0])]
    assert disagreement(opposite, 0, Outputs.multi_label(("a", "b"))).item() == pytest.approx(1)
    with pytest.raises(ValueError, match="1 members"):
        disagreement([sure], 0)


@pytest.fixture(scope="module")
def networks(checkpoint, tmp_path_factory):
    """Two networks of the same classes."""
    from seg.build.models import load_model

    def turn(content):
        for name, values in content["state_dict"].items():
            if name.endswith("logits.weight") or values.ndim == 4:
                content["state_dict"][name] = values.flip(0) if len(values) == 19 else values

    other = altered(checkpoint, tmp_path_factory.mktemp("other") / "other.ckpt", turn)
    return load_model(checkpoint), load_model(other)


def test_networks_disagree_alike_in_windows_and_bands(networks):
    raster = ArrayRaster(street(0, (150, 96)))
    inference = Inference(window=(65, 65))
    blocks = list(iter_compared_blocks(inference, networks, raster))
    assert [(block.rows.start, block.rows.stop) for block in blocks] == [(0, 128), (128, 150)]
    rows_HW = np.concatenate([block.disagreement_HW for block in blocks])
    each = [
        np.concatenate(
            [b.probabilities_KHW for b in inference.iter_row_blocks(m, raster, probabilities=True)],
            1,
        )
        for m in networks
    ]
    expected = jensenshannon(*(share.astype(np.float64) for share in each), axis=0, base=2) ** 2
    np.testing.assert_allclose(rows_HW, expected, atol=2e-6)
    assert rows_HW.max() > 1e-4
    first = np.concatenate([block.label_HW for block in blocks])
    assert (first == inference.labels(networks[0], raster)).all()


def test_passes_disagree_where_a_mirrored_image_gives_something_else(networks):
    image = street(1, (64, 64))
    lacks_data_HW = np.zeros((64, 64), np.bool_)
    lacks_data_HW[:5] = True
    raster = ArrayRaster(image, lacks_data_HW)
    inference = Inference(flip=True)
    (block,) = inference.iter_row_blocks(networks[0], raster, disagreement=True)
    mirrored = ArrayRaster(np.ascontiguousarray(image[:, ::-1]))
    (one,) = Inference().iter_row_blocks(networks[0], ArrayRaster(image), probabilities=True)
    (two,) = Inference().iter_row_blocks(networks[0], mirrored, probabilities=True)
    pair = (torch.from_numpy(one.probabilities_KHW), torch.from_numpy(two.probabilities_KHW))
    expected = disagreement((pair[0], pair[1].flip(2)), 0).numpy()
    assert np.isnan(block.disagreement_HW[:5]).all()
    np.testing.assert_allclose(block.disagreement_HW[5:], expected[5:], atol=1e-5)


def test_networks_of_other_classes_are_not_compared(networks, checkpoint, tmp_path):
    from seg.build.models import load_model

    def rename(content):
        content["seg"]["labels"]["names"] = ["street", *content["seg"]["labels"]["names"][1:]]

    other = load_model(altered(checkpoint, tmp_path / "renamed.ckpt", rename))
    check_members(networks, ["a", "b"])
    with pytest.raises(ConfigError, match=r"b: other classes than a: street, .* there road, "):
        check_members([networks[0], other], ["a", "b"])
