"""The files that will be written: none is an input, and none is written twice."""

from collections.abc import Sequence
from pathlib import Path

from seg.data.readers.urls import Location, is_remote
from seg.errors import ConfigError
from seg.prediction.items import Item
from seg.prediction.writer import VALUES_FILE, Format


def refuse_overwriting(items: Sequence[Item], formats: Sequence[Format], output: Location) -> None:
    """Compare the files to be written with the inputs and with each other.

    Raises:
        ConfigError: an input would be lost, or two items would become one file.
    """
    sources = {
        source if is_remote(source) else str(Path(source).resolve())
        for source in dict.fromkeys(item.source for item in items)
    }
    directory = str(output).rstrip("/") if is_remote(output) else str(Path(output).resolve())
    written = {VALUES_FILE} if any(each.holds_values for each in formats) else set()
    for each in formats:
        targets = [target for item in items for target in each.targets(item)]
        for target in (*targets, *each.merged_files(items)):
            if f"{directory}/{target}" in sources:
                raise ConfigError(
                    f"output={output}: {target} there is one of the input images and would be "
                    "lost; choose another directory"
                )
            if target in written:
                what = "two images" if target != VALUES_FILE else "an image and the class table"
                raise ConfigError(f"output={output}: {what} would become {target}; rename one")
            written.add(target)
