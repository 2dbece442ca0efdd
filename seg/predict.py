"""`python -m seg.predict checkpoint=... input=...`: label maps and overlays of own pictures."""

import logging
from collections.abc import Mapping
from pathlib import Path

from seg.app import app
from seg.config.commands import PredictConfig
from seg.errors import ConfigError, DataError

log = logging.getLogger(__name__)
_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


@app("predict", PredictConfig)
def main(config: PredictConfig, run_dir: Path) -> None:
    """Write `NAME.png` (palette PNG of class ids) and `NAME_overlay.png` for each picture.

    A damaged picture is reported and the rest goes on; the command then ends with exit code 3.
    """
    output = config.output or run_dir
    pictures = _pictures(config.input)
    _refuse_overwriting(pictures, output)
    from seg.assemble.networks import load_model
    from seg.data.files.reading import read_image
    from seg.inference.device import choose_device
    from seg.outputs.pictures import overlay, palette_image, save_png

    model = load_model(config.checkpoint).to(choose_device(config.device))
    failures: list[str] = []
    for name, path in pictures.items():
        try:
            image = read_image(path)
        except DataError as error:
            log.error("%s", error)
            failures.append(str(path))
            continue
        label = model.predict(image)
        label_path, overlay_path = _targets(output, name)
        save_png(label_path, palette_image(label, model.labels))
        save_png(overlay_path, overlay(image, label, model.labels, config.overlay_opacity))
    log.info("%d of %d pictures: %s", len(pictures) - len(failures), len(pictures), output)
    if failures:
        raise DataError(
            f"{len(failures)} of {len(pictures)} pictures could not be read: "
            f"{', '.join(failures[:5])}"
        )


def _pictures(source: Path) -> dict[str, Path]:
    """Output name -> file; a folder is searched with its subfolders."""
    if source.is_file():
        return {source.stem: source}
    if not source.is_dir():
        raise DataError(f"input={source}: no such file or folder")
    pictures: dict[str, Path] = {}
    for path in sorted(source.rglob("*")):
        if path.suffix.lower() not in _SUFFIXES or not path.is_file():
            continue
        name = path.relative_to(source).with_suffix("").as_posix()
        if name in pictures:
            raise DataError(
                f"{pictures[name]} and {path} would both become {name}.png; "
                "rename one or move it away"
            )
        pictures[name] = path
    if not pictures:
        raise DataError(f"input={source}: holds no picture ({', '.join(_SUFFIXES)})")
    return pictures


def _targets(output: Path, name: str) -> tuple[Path, Path]:
    """Label map and overlay of a picture."""
    return output / f"{name}.png", output / f"{name}_overlay.png"


def _refuse_overwriting(pictures: Mapping[str, Path], output: Path) -> None:
    sources = {path.resolve() for path in pictures.values()}
    written: set[Path] = set()
    for name in pictures:
        for target in _targets(output, name):
            if target.resolve() in sources:
                raise ConfigError(
                    f"output={output}: {target} is one of the input pictures and would be lost; "
                    "choose another folder"
                )
            if target in written:
                raise ConfigError(
                    f"output={output}: two pictures would become {target}; rename one"
                )
            written.add(target)


if __name__ == "__main__":
    main()
