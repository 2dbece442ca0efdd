"""`values.json`: the number of each class in the files of an output."""

import json
import logging
from collections.abc import Sequence

from seg.io.atomic import write_atomically
from seg.prediction.writer import Format, Settings

VALUES_FILE = "values.json"
_log = logging.getLogger(__name__)


def log_values(settings: Settings, formats: Sequence[Format]) -> None:
    """Log what the numbers for classes mean, if any format has some."""
    if any(each.holds_values for each in formats):
        _log.info("values     %s (%s)", settings.label_values.summary(), VALUES_FILE)


def write_values(settings: Settings, formats: Sequence[Format]) -> tuple[str, ...]:
    """Write the table of values, a class file as `dataset.classes` takes it.

    Returns:
        the files written, relative to the output; none if no format has values.
    """
    if not any(each.holds_values for each in formats):
        return ()
    rows = ",\n".join(f"  {json.dumps(row)}" for row in settings.label_values.table())
    text = f"[\n{rows}\n]\n"
    write_atomically(settings.output / VALUES_FILE, lambda file: file.write(text.encode()))
    return (VALUES_FILE,)
