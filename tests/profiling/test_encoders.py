"""The table of classifiers, against what their libraries say of them."""

import pytest
from torchvision.models import get_model_weights

from seg.profiling.encoders import classifications
from seg.profiling.plots import accuracy_against_cost


@pytest.fixture(scope="module")
def found():
    return {each.name: each for each in classifications()}


def test_counts_are_those_of_the_libraries(found):
    for name in ("vgg16", "vgg19_bn", "resnet50", "resnet152", "googlenet", "inception_v3"):
        meta = next(iter(get_model_weights(name))).meta
        assert found[name].multiply_adds / 1e9 == pytest.approx(meta["_ops"], rel=5e-3)
        if name not in ("googlenet", "inception_v3"):  # the library counts their side outputs
            assert found[name].parameters == meta["num_params"]


@pytest.mark.parametrize(
    ("name", "parameters_m", "top1"),
    [
        ("aligned_xception41", 26.97, 78.55),
        ("aligned_xception65", 39.92, 79.56),
        ("aligned_xception71", 42.34, 79.92),
        ("xception", 22.86, 79.0),
    ],
)
def test_our_own_are_as_published(found, name, parameters_m, top1):
    assert found[name].parameters / 1e6 == pytest.approx(parameters_m, abs=0.01)
    assert found[name].top1_percent == top1


def test_each_is_a_point_in_the_picture(found):
    picture = accuracy_against_cost(list(found.values()))
    colors = {color for _, color in picture.getcolors(2**20)}
    assert {(0x25, 0x63, 0xEB), (0x9C, 0xA3, 0xAF)} <= colors
