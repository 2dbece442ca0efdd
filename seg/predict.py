"""`python -m seg.predict checkpoint=... input=...`: label maps and overlays of own pictures."""

import logging
from pathlib import Path

from seg.app import app
from seg.config.schema import PredictConfig
from seg.errors import ConfigError, DataError

log = logging.getLogger(__name__)
_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


@app("predict", PredictConfig)
def main(config: PredictConfig, run_dir: Path) -> None:
    """Write `NAME.png` (palette PNG of class ids) and `NAME_overlay.png` for each picture.

    A damaged picture is reported and the rest goes on; the command then ends with exit code 3.
    """
    output = config.output or run_dir
    pictures = _pictures(config.input, output)
    from seg.assemble import load_model
    from seg.data.reading import read_image
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
        save_png(output / f"{name}.png", palette_image(label, model.labels))
        save_png(
            output / f"{name}_overlay.png",
            overlay(image, label, model.labels, config.overlay_opacity),
        )
    log.info("%d of %d pictures: %s", len(pictures) - len(failures), len(pictures), output)
    if failures:
        raise DataError(
            f"{len(failures)} of {len(pictures)} pictures could not be read: "
            f"{', '.join(failures[:5])}"
        )


def _pictures(source: Path, output: Path) -> dict[str, Path]:
    """Output name -> file; a folder is searched with its subfolders."""
    if source.is_file():
        return {source.stem: source}
    if not source.is_dir():
        raise DataError(f"input={source}: no such file or folder")
    files = sorted(
        path for path in source.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file()
    )
    if not files:
        raise DataError(f"input={source}: holds no picture ({', '.join(_SUFFIXES)})")
    if output.resolve() == source.resolve():
        raise ConfigError(
            f"output={output}: is the input folder, results would overwrite pictures; "
            "choose another"
        )
    pictures: dict[str, Path] = {}
    for path in files:
        name = path.relative_to(source).with_suffix("").as_posix()
        if name in pictures:
            raise DataError(
                f"{pictures[name]} and {path} would both become {name}.png; "
                "rename one or move it away"
            )
        pictures[name] = path
    return pictures


if __name__ == "__main__":
    main()
