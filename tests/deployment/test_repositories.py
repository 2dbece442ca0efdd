"""Model repositories: what servers read describes the file that was measured, and stays whole."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import text_format

from seg.data.readers.sha256 import sha256_of
from seg.deployment.exporter import ExportRequest, export
from seg.deployment.metadata import ExportSpec, read_card, write_card
from seg.deployment.repositories.model_repository import (
    add_version,
    find_repository,
    model_name,
)
from seg.errors import ConfigError
from tests.conftest import seg
from tests.deployment.networks import ORIGIN, TOLERANCE, samples

pb = pytest.importorskip("tritonclient.grpc.model_config_pb2")
TRITON, OVMS = find_repository("triton"), find_repository("ovms")
NUMPY = {pb.TYPE_UINT8: "uint8", pb.TYPE_FP32: "float32"}
# of `model_config_list` in the documentation of OpenVINO Model Server: key -> type
OVMS_KEYS = {"name": str, "base_path": str, "target_device": str, "shape": dict}


def exporting(network, format_name, engine=None, **spec):
    wanted = ExportSpec(**{"precision": "fp32", "output_kind": "labels", **spec})
    request = ExportRequest(format_name, wanted, TOLERANCE, 0.9, engine)
    return lambda path: export(network, ORIGIN, request, path, checked=samples(2))


def copying(source, touched=0, **changes):
    """An export that is there already, as that of another checkpoint."""

    def write(path):
        card = read_card(source)
        for name in card.files:
            path.with_name(name).write_bytes(source.with_name(name).read_bytes())
        if touched:
            model = onnx.load(path)
            model.doc_string = f"of checkpoint {touched}"
            onnx.save(model, path)
            card = card.model_copy(update={"files": {path.name: sha256_of(path)}})
            other = card.checkpoint.model_copy(update={"sha256": str(touched) * 64})
            card = card.model_copy(update={"checkpoint": other})
        card = card.model_copy(update=changes)
        write_card(path, card)
        return card

    return write


@pytest.fixture(scope="module")
def triton(network, tmp_path_factory):
    root = tmp_path_factory.mktemp("triton") / "models"
    write = exporting(network, "onnx", input_kind="uint8")
    return add_version(TRITON, root, "streets", "onnx", write).path


def parsed(path):
    return text_format.Parse(path.read_text(), pb.ModelConfig())


def images(*sizes):
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


def full_dims(config, tensor):
    return ([-1] if config.max_batch_size else []) + list(tensor.dims)


def same_share(first, second):
    assert first.shape == second.shape
    return (first == second).mean()


def test_tritons_own_message_describes_the_file(triton, network):
    model = triton.parent.parent
    config = parsed(model / "config.pbtxt")
    assert (config.name, config.backend, config.platform) == (
        model.name,
        "onnxruntime",
        "onnxruntime_onnx",
    )
    assert model / "1" / config.default_model_filename == triton
    session = onnxruntime.InferenceSession(str(triton), providers=["CPUExecutionProvider"])
    for tensors, real in (
        (config.input, session.get_inputs()),
        (config.output, session.get_outputs()),
    ):
        (tensor,), (node,) = tensors, real
        assert tensor.name == node.name
        assert f"tensor({NUMPY[tensor.data_type]})" == node.type
        assert full_dims(config, tensor) == [d if isinstance(d, int) else -1 for d in node.shape]
    assert (config.input[0].name, list(config.input[0].dims)) == ("image", [3, -1, -1])
    assert config.max_batch_size > 1
    assert config.HasField("dynamic_batching")
    labels = (model / config.output[0].label_filename).read_text().splitlines()
    assert labels == list(network.labels.names)
    for image in images((65, 97), (48, 130)):
        (label,) = session.run(None, {"image": image.transpose(2, 0, 1)[None]})
        assert same_share(label[0], network.predict(image)) > 0.999
    batch = np.stack(images((40, 56), (40, 56))).transpose(0, 3, 1, 2)
    (together,) = session.run(None, {"image": batch})
    alone = [session.run(None, {"image": each[None]})[0][0] for each in batch]
    assert same_share(together, np.stack(alone)) > 0.999


def test_the_bytes_are_those_of_the_card(triton):
    card = read_card(triton)
    assert card.files == {"model.onnx": sha256_of(triton)}
    assert card.parity["engine"] == "onnx"
    assert {each.name for each in triton.parent.iterdir()} == {"model.onnx", "model.onnx.json"}
    root = triton.parent.parent.parent
    assert [each.name for each in root.iterdir()] == ["streets"]
    assert [each.name for each in root.parent.iterdir()] == ["models"]


def snapshot(root):
    return {each: each.read_bytes() for each in root.rglob("*") if each.is_file()}


def test_versions_are_added_and_never_changed(triton, tmp_path):
    root = tmp_path / "models"
    first = add_version(TRITON, root, "a", "onnx", copying(triton))
    config = root / "a" / "config.pbtxt"
    config.write_text(config.read_text() + "# mine\n")
    before = snapshot(root)
    again = add_version(TRITON, root, "a", "onnx", copying(triton))
    assert (again.is_new, again.path) == (False, first.path)
    assert snapshot(root) == before
    later = add_version(TRITON, root, "a", "onnx", copying(triton, touched=1))
    assert later.is_new
    assert later.path == root / "a" / "2" / "model.onnx"
    assert {path: content for path, content in snapshot(root).items() if path in before} == before
    other = [{"value": 0, "name": "all", "id": 0, "color": [0, 0, 0]}]
    with pytest.raises(ConfigError, match=r"another list of classes\n.*model_name=NAME"):
        add_version(TRITON, root, "a", "onnx", copying(triton, touched=2, classes=other))
    assert sorted(each.name for each in (root / "a").iterdir()) == [
        *("1", "2", "config.pbtxt", "labels.txt")
    ]
    assert add_version(TRITON, root, "b", "onnx", copying(triton, touched=2, classes=other)).is_new


def test_what_others_wrote_is_refused(triton, tmp_path):
    for name, inner in (("empty", "docs"), ("foreign", "3")):
        (tmp_path / name / inner).mkdir(parents=True)
        with pytest.raises(ConfigError, match="give another model_name=NAME"):
            add_version(TRITON, tmp_path, name, "onnx", copying(triton))
    (tmp_path / "config.json").write_text('{"models": []}')
    with pytest.raises(ConfigError, match="give another output=DIRECTORY"):
        add_version(OVMS, tmp_path, "a", "onnx", copying(triton))
    assert not (tmp_path / "a").exists()


def test_a_failed_export_leaves_nothing(tmp_path):
    def fail(path):
        path.write_bytes(b"half")
        raise ConfigError("refused")

    with pytest.raises(ConfigError, match="refused"):
        add_version(TRITON, tmp_path / "models", "a", "onnx", fail)
    assert [*tmp_path.rglob("*")] == [tmp_path / "models"]


def test_names_are_parts_of_addresses():
    assert model_name(None, Path("runs/streets X-65")) == "streets_X-65"
    for wrong in ("a/b", "", "..", "a b"):
        with pytest.raises(ConfigError, match="such as model_name=segmentation"):
            model_name(wrong, Path("run"))


@pytest.mark.parametrize("server", ["triton", "ovms"])
def test_formats_that_a_server_lacks_are_refused(server):
    with pytest.raises(ConfigError, match=r"format=pt2: allowed: \w+, \w+"):
        find_repository(server).require("pt2")


def test_types_that_a_backend_lacks_are_refused():
    with pytest.raises(ConfigError, match="takes no float64 images\n  give format=onnx"):
        TRITON.require("openvino", "float64")
    TRITON.require("onnx", "float64")


@pytest.mark.slow
@pytest.mark.parametrize("spec", [{"batch_size": 2}, {"size": (65, 97), "output_kind": "logits"}])
def test_fixed_sizes_are_described(network, tmp_path, spec):
    write = exporting(network, "onnx", input_kind="normalized", **spec)
    path = add_version(TRITON, tmp_path, "a", "onnx", write).path
    config = parsed(tmp_path / "a" / "config.pbtxt")
    (node,) = onnxruntime.InferenceSession(str(path)).get_inputs()
    assert full_dims(config, config.input[0]) == [
        d if isinstance(d, int) else -1 for d in node.shape
    ]
    assert (config.max_batch_size == 0) == ("batch_size" in spec)
    assert config.HasField("dynamic_batching") == ("batch_size" not in spec)


@pytest.mark.slow
def test_openvino_in_triton_takes_batches_as_they_come(network, tmp_path):
    openvino = pytest.importorskip("openvino")
    write = exporting(network, "openvino", input_kind="uint8")
    path = add_version(TRITON, tmp_path, "a", "openvino", write).path
    config = parsed(tmp_path / "a" / "config.pbtxt")
    assert (config.backend, config.max_batch_size) == ("openvino", 0)
    model = openvino.Core().read_model(path)
    assert list(config.input[0].dims) == [-1, 3, -1, -1]
    for tensor, port in ((config.input[0], model.input(0)), (config.output[0], model.output(0))):
        assert tensor.name == port.any_name
        assert NUMPY[tensor.data_type] == np.dtype(port.element_type.to_dtype()).name
        assert list(tensor.dims) == [
            d.get_length() if d.is_static else -1 for d in port.partial_shape
        ]


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["openvino", "onnx"])
def test_the_list_of_openvino_model_server(network, tmp_path, format_name):
    openvino = pytest.importorskip("openvino")
    pytest.importorskip("nncf")
    other = {"config": {"name": "theirs", "base_path": "/models/theirs"}}
    listed = {"model_config_list": [other], "monitoring": {"metrics": {"enable": True}}}
    (tmp_path / "config.json").write_text(json.dumps(listed))
    write = exporting(network, format_name, OVMS.engines.get(format_name), input_kind="uint8")
    placement = add_version(OVMS, tmp_path, "a", format_name, write)
    assert placement.card.parity["engine"] == "openvino"
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["monitoring"] == listed["monitoring"]
    kept, added = content["model_config_list"]
    assert kept == other
    entry = added["config"]
    settings = entry.pop("plugin_config")
    assert all(isinstance(value, OVMS_KEYS[key]) for key, value in entry.items())
    assert (tmp_path / entry["base_path"] / "1" / placement.path.name) == placement.path
    core = openvino.Core()
    model = core.read_model(placement.path)
    shape = openvino.PartialShape(entry["shape"]["image"].strip("()").replace("-1", "?"))
    assert model.input("image").partial_shape == shape
    model.reshape({"image": shape})
    compiled = core.compile_model(model, entry["target_device"], settings)
    assert str(compiled.get_property("INFERENCE_PRECISION_HINT")) == "<Type: 'float32'>"
    with pytest.raises(RuntimeError):  # what it does not know is refused
        core.compile_model(model, entry["target_device"], {**settings, "CPU_CACHE_OF_GRAPHS": "0"})
    for image in images((65, 97), (48, 130)):
        label = compiled([image.transpose(2, 0, 1)[None]])[0]
        assert same_share(label[0], network.predict(image)) > 0.999


@pytest.mark.slow
def test_the_command_writes_a_repository(small_run, tmp_path):
    line = (f"checkpoint={small_run}", "repository=triton", "output=models", "num_images=2")
    done = seg("export", *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "models" / "run" / "1" / "model.onnx"
    assert "models/run/1/model.onnx: onnx fp32, model.onnx" in done.stdout
    spec = read_card(path).spec
    assert (spec.input_kind, spec.output_kind, spec.size) == ("uint8", "labels", None)
    done = seg("export", *line, "format=pt2", cwd=tmp_path)
    assert done.returncode == 2
    assert "allowed: onnx, openvino, tensorrt" in done.stderr
    done = seg("export", *line, "input_kind=normalized", "model_name=other", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "models/other/1: clients normalize images; the card says how" in done.stdout
