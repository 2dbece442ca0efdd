"""Predictions reach TensorBoard after each validation, with the choices that made them."""

import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def test_a_picture_a_validation_and_plain_choices(small_run):
    events = EventAccumulator(str(small_run / "tensorboard"), {"images": 0})
    events.Reload()
    shown = events.Images("val/predictions")
    assert [picture.step for picture in shown] == [4, 8]
    rows, header, legend = 3, 18, 3 * 18
    assert shown[0].width == 4 * (128 + 4) - 4
    assert shown[0].height > rows * (64 + 4) + header + legend
    choices = yaml.safe_load((small_run / "tensorboard" / "hparams.yaml").read_text())
    assert choices["encoder"]["name"] == "aligned_xception_tiny"
