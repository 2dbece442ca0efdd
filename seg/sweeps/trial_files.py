"""What a trial's folder tells beside `trials.json`, as far as it is there and whole."""

from contextlib import suppress
from pathlib import Path

from seg.config.former_keys import present_choices
from seg.errors import DataError
from seg.io.json_file import read_json_object
from seg.io.yaml_file import read_yaml
from seg.reports.run_files import read_curve as read_rows
from seg.reports.run_reader import Points, is_number
from seg.sweeps.trials import Trial


def trial_directory(directory: Path, trial: Trial) -> Path:
    """A trial's run directory, whether it is there or not."""
    return directory / str(trial.number)


def read_metrics(folder: Path) -> dict[str, float]:
    """The numbers of `metrics.json`; empty where it is missing or damaged."""
    with suppress(DataError):
        found = read_json_object(folder / "metrics.json", "record of scores")
        return {key: float(value) for key, value in found.items() if is_number(value)}
    return {}


def read_curve(folder: Path, column: str) -> Points:
    """`(step, value)` of one column of `metrics.csv`, of the rows that are sound."""
    with suppress(DataError):
        rows = read_rows(folder / "metrics.csv")
        return [(row["step"], row[column]) for row in rows if column in row]
    return []


def read_overrides(folder: Path) -> list[str] | None:
    """The choices that began a run, as Hydra took them; None where they cannot be read."""
    with suppress(DataError):
        found = read_yaml(folder / ".hydra" / "overrides.yaml", "record")
        if isinstance(found, list) and all(isinstance(each, str) for each in found):
            return present_choices(found)
    return None
