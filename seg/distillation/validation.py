"""What terms refuse, in the words of the configuration."""

from seg.errors import ConfigError
from seg.inference.segmentation_model import TrainedSegmenter


def check_positive(section: str, **values: float) -> None:
    """Raises ConfigError for a number of a section that is not above 0."""
    for name, value in values.items():
        if not value > 0:
            raise ConfigError(f"{section}: {name}={value}; allowed: above 0")


def check_shares(section: str, **values: float) -> None:
    """Raises ConfigError for a number of a section outside 0 to 1."""
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ConfigError(f"{section}: {name}={value}; allowed: 0 to 1")


def require_same_classes(student: TrainedSegmenter, teacher: TrainedSegmenter) -> None:
    """Raises ConfigError where the networks' logits do not mean the same."""
    own, others = student.classes, teacher.classes
    if own != others:
        raise ConfigError(
            "distillation.checkpoint: the teacher has other classes than the student\n"
            f"  teacher: {len(others)}: {', '.join(others)}\n"
            f"  student: {len(own)}: {', '.join(own)}\n"
            "  choose a teacher of these classes, fit them by labels.merge and labels.keep,\n"
            "  or learn from its maps alone: distillation=features"
        )
