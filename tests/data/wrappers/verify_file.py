"""The content of a `verify.json`."""

from seg.data.wrappers.excluded import (
    LonelyFile,
    Verification,
    file_key,
)


def verification(**changes) -> dict:
    plain = Verification(
        counts={"train": 4, "val": 1},
        sound={"train": 2, "val": 1},
        label_kinds={"train": {"8-bit": 4}},
        faults=(),
        notes=(),
        quarantine={"train": ("b", "c"), "val": ()},
        indices={"train": (1, 2), "val": ()},
        lonely=(
            LonelyFile(split="train", path=file_key("train/x.png"), kind="image", lacks="label"),
        ),
    ).model_dump(mode="json")
    return plain | changes
