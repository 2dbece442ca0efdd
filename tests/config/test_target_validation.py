import pytest

from seg.config.allowed_targets import FILE, USER
from seg.config.target_validation import check
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
        "seg.io.atomic.os.system",
        "seg.data.readers.readers.cv2.imwrite",
        "seg.training.checkpoint.read_checkpoint",
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
        ({"_target_": LOSS, "label_smoothing": "high"}, "loss.label_smoothing='high'"),
        ({"_target_": 3}, "loss._target_=3: not allowed"),
    ],
)
def test_wrong_nodes_say_what_is_wrong(node, message):
    with pytest.raises(ConfigError) as caught:
        check(node, "loss", FACTS)
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


@pytest.mark.parametrize("key", ["dataset", "encoder", "loss", "trainer"])
def test_a_section_that_is_built_at_once_is_not_left_half_built(key):
    targets = {
        "dataset": "seg.data.datasets.streets.Streets",
        "encoder": ENCODER,
        "loss": LOSS,
        "trainer": "pytorch_lightning.Trainer",
    }
    with pytest.raises(ConfigError, match=rf"{key}\._partial_: not allowed"):
        check({"_target_": targets[key], "_partial_": True}, key)


def test_partial_is_a_truth_value():
    with pytest.raises(ConfigError, match=r"optimizer\._partial_='yes'; allowed: true, false"):
        check({"_target_": "torch.optim.SGD", "_partial_": "yes"}, "optimizer", ("params",))


def test_a_missing_argument_is_named():
    with pytest.raises(ConfigError, match=r"dataset\.split: missing"):
        check({"_target_": "seg.data.datasets.camvid.CamVid"}, "dataset")


FLIP = {"_target_": "albumentations.HorizontalFlip", "p": 0.5}
AUGMENTATION = "seg.data.transforms.pipeline.Augmentation"
ENCODER = "seg.models.encoders.create_encoder"
NETWORK_FACTS = {"encoder": ("in_channels",), "decoder": ("encoder", "num_classes")}
FETCH = {
    "_target_": "seg.models.weights.download.fetch",
    "url": "http://127.0.0.1:9/x",
    "sha256": "0" * 64,
}


@pytest.mark.parametrize(
    ("key", "target"),
    [
        ("loss", "torch.optim.SGD"),  # another key's
        ("dataset", "seg.losses.tversky.Dice"),
        ("dataset", "seg.data.readers.urls.read_bytes"),  # not made of a split
        ("dataset", "seg.data.transforms.pipeline._leaves"),
        ("encoder", "seg.models.encoders.xception_base._anything"),
        ("encoder", "seg.models.weights.download.fetch"),
        ("optimizer", "torch.optim.lr_scheduler.StepLR"),
        ("optimizer", "timm.optim.create_optimizer"),
        ("optimizer", "torch.optim.__main__.x"),
        ("callbacks.x", "pytorch_lightning.Trainer"),
        ("trainer", "pytorch_lightning.cli.LightningCLI"),
    ],
)
@pytest.mark.parametrize("author", [USER, FILE])
def test_each_key_takes_its_own_kind(key, target, author):
    facts = {"dataset": ("split",), "optimizer": ("params",), **NETWORK_FACTS}
    with pytest.raises(ConfigError, match="not allowed"):
        check({"_target_": target, "_partial_": True}, key, facts.get(key, ()), author)


@pytest.mark.parametrize(
    ("key", "node"),
    [
        ("encoder", {"_target_": ENCODER, "name": "x", "variant": FETCH}),
        ("encoder", {"_target_": ENCODER, "name": "x", "variant": {"order": [FETCH]}}),
        ("encoder", {"_target_": ENCODER, "name": "x", "anything": {"a": {"b": FETCH}}}),
        ("encoder", {"_target_": ENCODER, "name": "x", "return": FETCH}),
        ("encoder", {"_target_": ENCODER, "name": FETCH}),
        ("encoder", {"_target_": ENCODER, "name": {"_target_": ENCODER, "name": "x"}}),
        ("decoder", {"_target_": "seg.models.decoders.create_decoder", "name": "x", "y": FETCH}),
        ("augmentation", {"_target_": AUGMENTATION, "transforms": [FETCH]}),
        ("augmentation", {"_target_": AUGMENTATION, "fill": FLIP}),
        ("augmentation", {"_target_": AUGMENTATION, "transforms": [{**FLIP, "p": FLIP}]}),
        ("loss", {"_target_": LOSS, "class_weights": {"_target_": LOSS}}),
        ("loss", {"_target_": LOSS, "label_smoothing": {"_target_": LOSS, "_partial_": True}}),
        ("trainer", {"_target_": "pytorch_lightning.Trainer", "profiler": FETCH}),
    ],
)
def test_nothing_is_built_where_no_part_is_declared(key, node):
    facts = {"augmentation": ("ignore_index",), "loss": FACTS, **NETWORK_FACTS}
    with pytest.raises(ConfigError, match=r"_target_=.*: not allowed"):
        check(node, key, facts.get(key, ()))


def test_parts_stand_where_they_are_declared():
    one_of = {"_target_": "albumentations.OneOf", "transforms": [FLIP, FLIP]}
    on_device = [{"_target_": "torchvision.transforms.v2.RandomHorizontalFlip"}]
    node = {"_target_": AUGMENTATION, "transforms": [one_of], "on_device": on_device}
    check(node, "augmentation", ("ignore_index",))
    terms = [{"_target_": LOSS, "_partial_": True}]
    summed = {"_target_": "seg.losses.weighted_sum.WeightedSum", "weights": [1.0], "terms": terms}
    check(summed, "loss", FACTS, author=FILE)


def test_a_file_may_say_less_than_a_user():
    stopping = {"_target_": "pytorch_lightning.callbacks.EarlyStopping", "monitor": "val/miou"}
    check(stopping, "callbacks.stop")
    view = {"_target_": "seg.data.datasets.camvid.CamVid"}
    check(view, "dataset", ("split",), author=FILE)
    with pytest.raises(ConfigError, match="not allowed"):
        check(stopping, "callbacks.stop", author=FILE)
    schedule = {"_target_": "seg.optim.schedules.poly", "_partial_": True}
    check(schedule, "scheduler", ("optimizer", "total_steps"), author=FILE)
    factory = {"_target_": "seg.models.encoders.library_encoder.create_library_encoder"}
    with pytest.raises(ConfigError, match="not allowed"):
        check(factory, "encoder", author=FILE)
    adam = {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 1e-3}
    check(adam, "optimizer", ("params",), author=FILE)


def test_a_node_within_itself_is_refused():
    node = {"_target_": LOSS}
    node["class_weights"] = [node]
    with pytest.raises(ConfigError, match="nested too deeply"):
        check(node, "loss", FACTS)
