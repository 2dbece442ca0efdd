"""Which files will be written: none of the inputs, and none twice."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from seg.data.readers.urls import Location, is_remote
from seg.errors import ConfigError
from seg.prediction.items import Item
from seg.prediction.writer import Format


def refuse_overwriting(items: Sequence[Item], formats: Sequence[Format], output: Location) -> None:
    """Hold the files to be written against the inputs and against each other.

    Raises:
        ConfigError: an input would be lost, or two items would become one file.
    """
    sources = {
        source if is_remote(source) else str(Path(source).resolve())
        for source in dict.fromkeys(item.source for item in items)
    }
    folder = str(output).rstrip("/") if is_remote(output) else str(Path(output).resolve())
    written: set[str] = set()
    for target in _targets(items, formats):
        if f"{folder}/{target}" in sources:
            raise ConfigError(
                f"output={output}: {target} there is one of the input pictures and would be lost; "
                "choose another folder"
            )
        if target in written:
            raise ConfigError(f"output={output}: two pictures would become {target}; rename one")
        written.add(target)


def _targets(items: Sequence[Item], formats: Sequence[Format]) -> Iterable[str]:
    for each in formats:
        for item in items:
            yield from each.targets(item)
        yield from each.merged_files(items)
