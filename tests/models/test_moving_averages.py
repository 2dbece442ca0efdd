"""TensorFlow checkpoints of a training run: averages, slots and counters beside the weights."""

import re

import numpy as np
import pytest
import torch

from seg.errors import DataError
from seg.models.encoders import create_encoder
from seg.models.weights import load_weights
from seg.models.weights.tensor_bundle import Bundle
from seg.models.weights.tensorflow import module_name
from tests.models.bundle_writer import write_bundle

AVERAGE = "ExponentialMovingAverage"
SLOTS = ("Momentum", "Adam", "Adam_1")
VARIABLES = {
    "norm.weight": "BatchNorm/gamma",
    "norm.bias": "BatchNorm/beta",
    "norm.running_mean": "BatchNorm/moving_mean",
    "norm.running_var": "BatchNorm/moving_variance",
}
STATISTICS = ("moving_mean", "moving_variance")


def variable_name(name: str, network: str = "xception_41") -> str:
    """What DeepLab calls a tensor of our encoder."""
    if root := re.fullmatch(r"stem\.(\d)\.(.+)", name):
        scope, field = f"entry_flow/conv1_{int(root[1]) + 1}", root[2]
    else:
        flow, index, layer, field = re.fullmatch(
            r"(\w+)\.(\d+)\.(skip|convs\.\d\.\w+)\.(.+)", name
        ).groups()
        block, unit = (1, int(index) + 1) if flow == "middle" else (int(index) + 1, 1)
        if layer == "skip":
            layer = "shortcut"
        else:
            _, number, kind = layer.split(".")
            layer = f"separable_conv{int(number) + 1}_{kind}"
        scope = f"{flow}_flow/block{block}/unit_{unit}/xception_module/{layer}"
    kernel = "depthwise_weights" if scope.endswith("_depthwise") else "weights"
    return f"{network}/{scope}/{VARIABLES.get(field, kernel)}"


def tensorflow_array(variable: str, tensor: torch.Tensor):
    if tensor.ndim != 4:
        return tensor.numpy()
    axes = (2, 3, 0, 1) if variable.endswith("/depthwise_weights") else (2, 3, 1, 0)
    return tensor.permute(axes).contiguous().numpy()


def random_state(encoder, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(tensor.shape, generator=generator)
        for name, tensor in encoder.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def variables(state) -> dict[str, np.ndarray]:
    named = {variable_name(name): tensor for name, tensor in state.items()}
    return {name: tensorflow_array(name, tensor) for name, tensor in named.items()}


def averages(state) -> dict[str, np.ndarray]:
    """As tf.train.ExponentialMovingAverage names those of trainable variables."""
    return {
        f"{name}/{AVERAGE}": array
        for name, array in variables(state).items()
        if not name.endswith(STATISTICS)
    }


def left_by_training(state, share: int) -> dict[str, np.ndarray]:
    """Counters, and the slots of every `share`-th variable, which no network computes with."""
    trained = [name for name in variables(state) if not name.endswith(STATISTICS)]
    arrays = variables(state)
    slots = {
        f"{name}/{slot}": np.full_like(arrays[name], np.nan)
        for name in trained[::share]
        for slot in SLOTS
    }
    counters = {"beta1_power": np.float32(0.5), "beta2_power": np.float32(0.5)}
    return {**slots, **counters, "global_step": np.array(90_000)}


def encoder_state(encoder) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in encoder.state_dict().items()}


def assert_holds(encoder, expected) -> None:
    state = encoder.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())


@pytest.fixture(scope="module")
def encoder():
    return create_encoder("aligned_xception41")


@pytest.fixture(scope="module")
def weights(encoder):
    """Raw weights and their averages, unequal everywhere."""
    return random_state(encoder, 1), random_state(encoder, 2)


@pytest.fixture(scope="module")
def checkpoint(weights, tmp_path_factory):
    """A checkpoint of Xception-41 as training leaves it."""
    raw, averaged = weights
    prefix = tmp_path_factory.mktemp("trained") / "model.ckpt-90000"
    training = left_by_training(raw, share=20)
    write_bundle(prefix, {**variables(raw), **averages(averaged), **training})
    yield prefix
    for path in prefix.parent.iterdir():
        path.unlink()  # 200 MB


def test_names_are_those_of_the_release(weights, fixtures):
    listed = (fixtures / "tensorflow" / "names_xception_41.txt").read_text().splitlines()
    release = dict(line.split("\t") for line in listed if line.startswith("xception_41/"))
    ours = {name: str(list(array.shape)) for name, array in variables(weights[0]).items()}
    assert ours == {name: shape for name, shape in release.items() if "/logits/" not in name}
    assert all(module_name(variable_name(name)) == f"encoder.{name}" for name in weights[0])


def test_the_file_is_as_described(checkpoint):
    names = set(Bundle(checkpoint).entries)
    assert "global_step" in names
    root = "xception_41/entry_flow/conv1_1"
    assert {f"{root}/weights{end}" for end in ("", f"/{AVERAGE}", "/Momentum", "/Adam_1")} <= names
    assert f"{root}/BatchNorm/moving_mean/{AVERAGE}" not in names


def test_weights_themselves(checkpoint, weights, encoder):
    coverage = load_weights(encoder, checkpoint)
    assert_holds(encoder, weights[0])
    assert len(coverage.loaded) == len(weights[0])
    assert coverage.complete
    assert not coverage.elsewhere + coverage.ignored


def test_moving_averages(checkpoint, weights, encoder):
    """Averages where the file has them; statistics of batch norms have none."""
    raw, averaged = weights
    coverage = load_weights(encoder, checkpoint, moving_average=True)
    statistics = [name for name in raw if name.endswith(("running_mean", "running_var"))]
    assert len(statistics) == len(raw) * 2 // 5
    assert_holds(encoder, {**averaged, **{name: raw[name] for name in statistics}})
    assert len(coverage.loaded) == len(raw)
    assert coverage.complete
    assert not coverage.elsewhere + coverage.ignored


@pytest.fixture(scope="module")
def small():
    """Names and order of layers are those of the large ones, at a fiftieth of the size."""
    return random_state(create_encoder("aligned_xception_tiny"), 3)


def test_no_averages_in_the_file(small, tmp_path):
    prefix = tmp_path / "model.ckpt"
    write_bundle(prefix, {**variables(small), **left_by_training(small, share=1)})
    module = create_encoder("aligned_xception_tiny")
    before = encoder_state(module)
    with pytest.raises(DataError, match=r"model\.ckpt: keeps no moving averages"):
        load_weights(module, prefix, moving_average=True)
    assert_holds(module, before)
    assert load_weights(module, prefix).complete
    assert_holds(module, small)


def test_averages_of_some_and_of_statistics_too(small, tmp_path):
    """A run may average all variables, or start to average late."""
    prefix = tmp_path / "model.ckpt"
    chosen = {name: tensor + 1 for name, tensor in small.items() if name.startswith("exit.")}
    stored = {f"{name}/{AVERAGE}": array for name, array in variables(chosen).items()}
    write_bundle(prefix, {**variables(small), **stored})
    module = create_encoder("aligned_xception_tiny", weights=prefix, moving_average=True)
    assert_holds(module, {**small, **chosen})


def test_averages_alone(small, tmp_path):
    """A file of nothing but averages loads when they are asked for."""
    prefix = tmp_path / "model.ckpt"
    write_bundle(prefix, {f"{name}/{AVERAGE}": array for name, array in variables(small).items()})
    module = create_encoder("aligned_xception_tiny")
    before = encoder_state(module)
    with pytest.raises(DataError, match=r"model\.ckpt do not fit.*0 tensors loaded"):
        load_weights(module, prefix)
    assert_holds(module, before)
    assert load_weights(module, prefix, moving_average=True).complete
    assert_holds(module, small)


def test_another_variable_of_the_encoder_is_reported(small, tmp_path):
    """Only what is known to be no weight is passed over."""
    prefix = tmp_path / "model.ckpt"
    extra = {"xception_41/entry_flow/conv1_1/biases": np.zeros(16, np.float32)}
    write_bundle(prefix, {**variables(small), **extra})
    with pytest.raises(DataError, match=r"without a place in the model: .*conv1_1/biases"):
        load_weights(create_encoder("aligned_xception_tiny"), prefix)
