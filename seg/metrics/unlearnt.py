"""Classes that are labelled but never predicted right, which a mean over pixels hides."""

from collections.abc import Mapping, Sequence
from typing import Any

_MOST_NAMES = 6


def unlearnt(
    confusion_KK: Sequence[Sequence[int]], names: Sequence[str], training: Mapping[str, Any]
) -> list[str]:
    """Name the classes that are never predicted, or never right, and the keys to try.

    Args:
        confusion_KK: pixels by label (row) and prediction (column).
        names: of the classes.
        training: its configuration, as far as it is known; keys that do not fit it are not named.

    Returns:
        lines; none where each labelled class is right somewhere.
    """
    labelled = [sum(row) for row in confusion_KK]
    predicted = [sum(column) for column in zip(*confusion_KK, strict=True)]
    present = [k for k, pixels in enumerate(labelled) if pixels]
    never = [k for k in present if not predicted[k]]
    wrong = [k for k in present if predicted[k] and not confusion_KK[k][k]]
    if not never and not wrong:
        return []
    total = sum(labelled)

    def listed(classes: Sequence[int]) -> str:
        parts = [f"{names[k]} ({labelled[k] / total:.2%} of pixels)" for k in classes[:_MOST_NAMES]]
        more = [f"{len(classes) - _MOST_NAMES} more"] if len(classes) > _MOST_NAMES else []
        return ", ".join(parts + more)

    alone = [k for k, pixels in enumerate(predicted) if pixels]
    lines = []
    if len(alone) == 1 and never:
        lines.append(f"every pixel is predicted as {names[alone[0]]}")
    if never:
        lines.append(f"never predicted: {listed(never)}")
    if wrong:
        lines.append(f"predicted, but never right: {listed(wrong)}")
    return [*lines, f"  try, in training: {_remedies(training)}"]


def _remedies(training: Mapping[str, Any]) -> str:
    loss = _part(training, "loss")
    remedies = []
    if not loss or loss.get("class_weights", "") is None:
        remedies.append("loss.class_weights=auto")
    if not str(loss.get("_target_")).endswith(".Dice"):
        remedies.append("loss=dice")
    if str(_part(training, "sampler").get("_target_", "Shuffle")).endswith("Shuffle"):
        remedies.append("sampler=class_uniform")
    trainer = _part(training, "trainer")
    epochs = trainer.get("max_epochs")
    by_steps = trainer and not (isinstance(epochs, int) and epochs > 0)
    remedies.append(f"more steps (trainer.{'max_steps' if by_steps else 'max_epochs'})")
    return ", ".join(remedies)


def _part(training: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = training.get(key)
    return part if isinstance(part, Mapping) else {}
