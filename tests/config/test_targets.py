import pytest

from seg.config.targets import check
from seg.errors import ConfigError

LOSS = "seg.losses.cross_entropy.CrossEntropy"
FACTS = ("num_classes", "ignore_index")


def test_a_right_node_passes():
    check({"_target_": LOSS, "class_weights": [1.0, 2.0]}, "loss", FACTS)
    check({"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.1}, "optimizer", ("params",))


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "torch.load",
        "numpy.load",
        "subprocess.Popen",
        "hydra.utils.instantiate",
        "seg.outputs.files.os.system",
        "seg.data.files.reading.cv2.imwrite",
        "seg.checkpoint.read_checkpoint",
        "torch.optim.optimizer.torch.load",
        "albumentations.load",
        "pytorch_lightning.trainer.trainer.os.system",
        "seg",
        "x",
    ],
)
def test_what_is_not_for_building_is_refused(target):
    with pytest.raises(ConfigError, match=r"loss\._target_"):
        check({"_target_": target, "command": "true"}, "loss")


def test_nested_nodes_are_held_against_the_list_too():
    node = {"_target_": LOSS, "class_weights": [{"_target_": "os.system", "command": "true"}]}
    with pytest.raises(
        ConfigError, match=r"loss\.class_weights\[0\]\._target_=os\.system: not allowed"
    ):
        check(node, "loss", FACTS)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (
            {"_target_": LOSS, "class_weight": None},
            "takes no such argument\n  allowed: class_weights, label_smoothing; did you mean"
            " class_weights?",
        ),
        ({"_target_": LOSS, "num_classes": 3}, r"loss.num_classes: follows from the other choices"),
        ({"_target_": LOSS, "class_weights": "heavy"}, r"loss.class_weights='heavy'"),
        ({"_target_": LOSS, "_args_": [1]}, r"loss._args_: not allowed"),
        ({"_target_": "seg.losses.cross_entropy.Nothing"}, "there is no such class or function"),
        ({"_target_": "torch.optim.SGD", "_partial_": True, "lr": "fast"}, "loss.lr='fast'"),
    ],
)
def test_wrong_nodes_say_what_is_wrong(node, message):
    with pytest.raises(ConfigError) as caught:
        check(node, "loss", ("params",) if "optim" in node["_target_"] else FACTS)
    assert message in str(caught.value)


HOSTILE = "${oc.create:'{_target_: os.system, command: true}'}"


@pytest.mark.parametrize(
    "node",
    [
        {"class_weights": HOSTILE},
        {"class_weights": [1.0, HOSTILE]},
        {"class_weights": {"a": [HOSTILE]}},
        {"class_weights": {HOSTILE: 1}},
        {"class_weights": "${oc.env:HOME}"},
    ],
)
def test_interpolations_are_refused_at_any_depth(node):
    with pytest.raises(ConfigError, match="unresolved interpolation"):
        check({"_target_": LOSS, **node}, "loss", FACTS)


def test_a_missing_argument_is_named():
    with pytest.raises(ConfigError, match=r"dataset\.split: missing"):
        check({"_target_": "seg.data.camvid.CamVid"}, "dataset")
