"""`areas.parquet`: the table of `areas` for data frames."""

from collections.abc import Sequence
from importlib.util import find_spec

from seg.errors import ConfigError
from seg.io.atomic import write_atomically
from seg.prediction.items import Item
from seg.prediction.writer import ManifestEntry, Settings
from seg.prediction.writers.areas import COLUMNS, Areas


class ParquetAreas(Areas):
    """The same columns, with types; needs pyarrow."""

    name = "areas_parquet"
    file = "areas.parquet"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        if find_spec("pyarrow") is None:
            raise ConfigError("formats=areas_parquet: needs pyarrow: pip install pyarrow; or areas")

    def merge(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Write the table."""
        import pyarrow
        from pyarrow import parquet

        rows = list(self.rows(done))
        columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
        types = (
            *(pyarrow.string(), pyarrow.int32(), pyarrow.string()),
            *(pyarrow.int64(), pyarrow.float64()),
        )
        arrays = [pyarrow.array(column, kind) for column, kind in zip(columns, types, strict=True)]
        table = pyarrow.table(dict(zip(COLUMNS, arrays, strict=True)))
        write_atomically(self.path(self.file), lambda file: parquet.write_table(table, file))


FORMAT = ParquetAreas
