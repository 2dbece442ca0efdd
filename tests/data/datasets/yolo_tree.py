"""A small dataset in the layout of Ultralytics YOLO."""

from pathlib import Path

from PIL import Image

SIZE = (8, 4)
SHAPES = (  # of classes road, car; the second lies in the first and is written before it
    "1 0.25 0.25 0.375 0.25 0.375 0.5 0.25 0.5\n0 0 0 0.5 0 0.5 0.75 0 0.75\n"
)
# As Ultralytics 8.4.190 draws them: corners are cut to whole pixels, the edge is filled.
MAP = [
    [0, 0, 0, 0, 0, 2, 2, 2],
    [0, 0, 1, 1, 0, 2, 2, 2],
    [0, 0, 1, 1, 0, 2, 2, 2],
    [0, 0, 0, 0, 0, 2, 2, 2],
]


def plant(
    root: Path,
    splits: dict[str, str],
    *,
    shapes: str | None = SHAPES,
    data: str = "names: [road, car]\n",
    size: tuple[int, int] = SIZE,
) -> Path:
    """Write an image and its text file a split.

    Args:
        root: gets `data.yaml`, too.
        splits: the directory of the images of each split, relative to the root.
        shapes: of the text files; None: there is none.
        data: the YAML file; a line for each split follows.
        size: of the images, width and height.
    """
    for split, place in splits.items():
        directory = root / place
        directory.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (1, 2, 3)).save(directory / f"{split}1.jpg")
        data += f"{split}: {place}\n"
        if shapes is not None:
            head, _, tail = f"/{place}".rpartition("/images")
            labels = root / f"{head}/labels{tail}"[1:]
            labels.mkdir(parents=True, exist_ok=True)
            (labels / f"{split}1.txt").write_text(shapes)
    (root / "data.yaml").write_text(data)
    return root
