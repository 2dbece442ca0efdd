"""Exports of Label Studio (github.com/HumanSignal/label-studio): JSON and JSON-MIN."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from seg.data.readers.label_studio_regions import Region, read_regions, read_small_regions
from seg.data.readers.urls import read_json
from seg.errors import ConfigError, DataError, brief, first_of

Several = Literal["error", "newest"]
"""What happens to tasks with several annotations."""

_NO_EXPORT = (
    'not an export of Label Studio: a list of tasks with "data" and "annotations" (JSON), or of'
    ' records with "annotation_id" (JSON-MIN)\n  export the project as JSON'
)


@dataclass(frozen=True)
class Annotation:
    """What one annotator drew; `created_at` as the file has it."""

    created_at: Any
    regions: tuple[Region, ...]


@dataclass(frozen=True)
class Task:
    """An image of the project.

    Attributes:
        id: as the file has it.
        data: what the project knows of it; the address of its image among others.
        annotations: those that were not cancelled.
        is_cancelled: whether all of them were, so that none remains.
    """

    id: Any
    data: Mapping[str, Any]
    annotations: tuple[Annotation, ...]
    is_cancelled: bool = False

    def annotation(self, several: Several, path: Path) -> Annotation | None:
        """Return its annotation; None: it has none.

        Raises:
            DataError: it has several, and that is an error, or nothing says which is the newest.
        """
        if len(self.annotations) <= 1:
            return self.annotations[0] if self.annotations else None
        where = f"{path}: task {brief(self.id)} has {len(self.annotations)} annotations"
        if several == "error":
            raise DataError(
                f"{where}\n  delete all but one in Label Studio, or take the newest of each task:"
                " dataset.several=newest",
                fault="annotation",
            )
        times = [_time(each.created_at) for each in self.annotations]
        known = [time for time in times if time is not None]
        if len(known) < len(times) or known.count(max(known)) > 1:
            raise DataError(
                f"{where}, and 'created_at' does not say which is the newest\n"
                "  delete all but one in Label Studio",
                fault="annotation",
            )
        return self.annotations[known.index(max(known))]


@dataclass(frozen=True, eq=False)
class Export:
    """The tasks of an export; `state` is the size of the file and its time of change in ns."""

    path: Path
    state: tuple[int, int]
    tasks: tuple[Task, ...]

    def image_key(self, chosen: str | None, suffixes: Sequence[str]) -> str:
        """Return the key of the image in the data of the tasks.

        Args:
            chosen: the configured key; None: the only one that holds image files.
            suffixes: of image files, lower case.

        Raises:
            ConfigError: several keys hold image files, or no task has the chosen one.
        """
        keys = Counter(key for task in self.tasks for key in task.data)
        if chosen is not None:
            if chosen not in keys:
                raise ConfigError(
                    f"dataset.image_key={chosen}: no task of {self.path} has it; their data have:"
                    f" {first_of(sorted(keys)) or 'nothing'}"
                )
            return chosen
        holding = Counter(
            key
            for task in self.tasks
            for key, value in task.data.items()
            if isinstance(value, str) and value.split("?d=")[-1].lower().endswith(tuple(suffixes))
        )
        if len(holding) == 1:
            return next(iter(holding))
        found = f"{first_of(sorted(holding))} hold" if holding else "no key holds"
        raise ConfigError(
            f"{self.path}: {found} image files; name the one that was labelled:"
            " dataset.image_key=KEY\n"
            f"  the data of its tasks have: {first_of(sorted(keys)) or 'nothing'}"
        )


def read_export(path: Path) -> Export:
    """Read an export, once a process while it does not change.

    Raises:
        DataError: it is missing or no JSON, is no export, or a task occurs twice.
    """
    try:
        status = path.stat()
    except OSError:
        status = None
    state = (status.st_size, status.st_mtime_ns) if status else (0, 0)
    return _read(path, state)


@lru_cache(maxsize=4)
def _read(path: Path, state: tuple[int, int]) -> Export:
    content = read_json(path, "export")
    if isinstance(content, dict) and "data" in content:
        content = [content]
    if not isinstance(content, list) or not content:
        raise DataError(f"{path}: {_NO_EXPORT}", fault="label_kind")
    records = content
    if not all(isinstance(record, dict) for record in records):
        raise DataError(f"{path}: {_NO_EXPORT}", fault="label_kind")
    if all("annotation_id" in record and "data" not in record for record in records):
        return Export(path, state, tuple(_small_tasks(records)))
    tasks = tuple(_task(record, f"{path}: task {at}") for at, record in enumerate(records))
    times = Counter(json.dumps(task.id) for task in tasks)
    id_, count = times.most_common(1)[0]
    if count > 1:
        raise DataError(f"{path}: task {id_[:80]} occurs {count} times", fault="duplicate")
    return Export(path, state, tasks)


def _task(record: Mapping[str, Any], where: str) -> Task:
    data = record.get("data")
    annotations = record.get("annotations", record.get("completions"))
    is_list = isinstance(annotations, list) and all(isinstance(each, dict) for each in annotations)
    if not isinstance(data, dict) or not is_list or "id" not in record:
        raise DataError(f"{where}: {_NO_EXPORT}", fault="label_kind")
    remaining = [
        each for each in annotations if not (each.get("was_cancelled") or each.get("skipped"))
    ]
    return Task(
        record["id"],
        data,
        tuple(
            Annotation(each.get("created_at"), tuple(read_regions(each.get("result"), where)))
            for each in remaining
        ),
        is_cancelled=bool(annotations) and not remaining,
    )


def _small_tasks(records: Sequence[Mapping[str, Any]]) -> Iterator[Task]:
    """Yield the tasks of JSON-MIN, which has a record for each annotation."""
    tasks: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        tasks.setdefault(json.dumps(record.get("id")), []).append(record)
    for group in tasks.values():
        annotations = [
            Annotation(record.get("created_at"), tuple(read_small_regions(record)))
            for record in group
            if record["annotation_id"] is not None
        ]
        yield Task(group[0].get("id"), group[0], tuple(annotations))


def _time(text: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
