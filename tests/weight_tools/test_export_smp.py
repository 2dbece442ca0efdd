"""Models to and from directories of segmentation-models-pytorch, tensor for tensor."""

import pytest
import segmentation_models_pytorch as smp
import torch

from seg.build.models import load_model
from seg.data.label_space import LabelSpace
from seg.errors import ConfigError, DataError
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.decoders import create_decoder
from seg.models.decoders.smp import create_smp_decoder
from seg.models.encoders import create_encoder
from seg.models.encoders.smp_encoder import create_smp_encoder
from seg.models.interfaces import Normalization
from seg.models.weights import load_weights
from seg.models.weights.torch_file import CHECKPOINT_KEY
from seg.weight_tools.export_smp import write_smp_directory
from tests.composition import composed

TINY = "aligned_xception_tiny"
LABELS = LabelSpace.identity(("road", "sky", "car"), ((1, 2, 3), (4, 5, 6), (7, 8, 9)))


def randomised(module, seed=0):
    torch.manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and "running_mean" not in name:
            tensor.copy_(torch.rand_like(tensor) * 0.2 + (0.9 if tensor.ndim == 1 else -0.1))
    return module.eval()


def native(stride=32):
    encoder = create_encoder(TINY, output_stride=stride)
    decoder = create_smp_decoder(encoder, num_classes=3, name="Unet")
    return randomised(TrainedSegmenter(encoder, decoder, LABELS))


def wrapped(seed=0):
    encoder = create_smp_encoder("resnet18", output_stride=16)
    decoder = create_smp_decoder(encoder, num_classes=3, name="DeepLabV3Plus")
    return randomised(TrainedSegmenter(encoder, decoder, LABELS), seed)


def save(model, path, *overrides):
    """A checkpoint as training leaves it."""
    own = {
        "format": 1,
        "config": composed("train", *overrides),
        "labels": LABELS.to_dict(),
        "normalization": model.normalization.to_dict(),
    }
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save({"state_dict": state, CHECKPOINT_KEY: own}, path)
    return path


NATIVE = (f"encoder={TINY}", "decoder=smp", "encoder.output_stride=32")
WRAPPED = (
    *("encoder=smp", "encoder.name=resnet18", "encoder.output_stride=16"),
    *("decoder=smp", "decoder.name=DeepLabV3Plus"),
)


def assert_equal(ours, theirs):
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, theirs.state_dict()[name]), name


def test_ours_to_smp_to_ours(tmp_path):
    ours = native()
    ours.encoder.normalization = Normalization((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    checkpoint = save(ours, tmp_path / "a.ckpt", *NATIVE)
    write_smp_directory(checkpoint, tmp_path / "smp")
    theirs = smp.from_pretrained(tmp_path / "smp").eval()
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(theirs(image), ours(image), rtol=1e-5, atol=1e-5)
    again = native()
    randomised(again, seed=1)
    assert load_weights(again, tmp_path / "smp").complete
    assert_equal(again, ours)
    assert again.normalization == ours.normalization
    assert load_model(checkpoint).normalization == ours.normalization


def test_smp_to_ours_to_smp(tmp_path):
    torch.manual_seed(0)
    original = smp.DeepLabV3Plus("resnet18", encoder_weights=None, classes=3)
    randomised(original).save_pretrained(tmp_path / "theirs")
    ours = wrapped(seed=1)
    coverage = load_weights(ours, tmp_path / "theirs")
    assert coverage.complete
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(ours(image), original(image), rtol=1e-6, atol=1e-6)
    write_smp_directory(save(ours, tmp_path / "a.ckpt", *WRAPPED), tmp_path / "back")
    assert_equal(smp.from_pretrained(tmp_path / "back"), original)


def test_other_classes_than_those_of_the_directory(tmp_path):
    write_smp_directory(save(native(), tmp_path / "a.ckpt", *NATIVE), tmp_path / "smp")
    encoder = create_encoder(TINY, output_stride=32)
    decoder = create_smp_decoder(encoder, num_classes=2, name="Unet")
    target = TrainedSegmenter(encoder, decoder, LabelSpace.identity(("a", "b"), ((1, 2, 3),) * 2))
    with pytest.raises(DataError, match=r"3: road, sky, car(.|\n)*2: a, b"):
        load_weights(target, tmp_path / "smp")
    missing = load_weights(target, tmp_path / "smp", reset_head=True).missing
    assert {name.split(".")[1] for name in missing} == {"segmentation_head"}


def test_what_smp_has_not_or_computes_otherwise_is_refused(tmp_path):
    encoder = create_encoder(TINY)
    decoder = create_decoder("deeplabv3plus", encoder, num_classes=3)
    deeplab = TrainedSegmenter(encoder, decoder, LABELS)
    path = save(deeplab, tmp_path / "a.ckpt", f"encoder={TINY}", "decoder=deeplabv3plus")
    with pytest.raises(DataError, match="no network of smp"):
        write_smp_directory(path, tmp_path / "smp")
    content = torch.load(path, weights_only=True)
    content[CHECKPOINT_KEY]["config"]["encoder"] = {"_target_": "my_package.MyEncoder"}
    torch.save(content, path)
    with pytest.raises(DataError, match=r"my_package\.MyEncoder under deeplabv3plus is no network"):
        write_smp_directory(path, tmp_path / "smp")
    checkpoint = save(native(16), tmp_path / "b.ckpt", *NATIVE[:2])
    with pytest.raises(DataError, match=r"train with encoder\.output_stride=32"):
        write_smp_directory(checkpoint, tmp_path / "smp")
    assert not (tmp_path / "smp").exists()
    with pytest.raises(ConfigError, match="exists already"):
        write_smp_directory(path, tmp_path)
