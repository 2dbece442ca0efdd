"""The classes of GeoJSON features: a property of each, or one class for all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from seg.data.readers.geojson_file import CLASS_PROPERTIES, GeoJsonFile
from seg.errors import ConfigError, DataError, brief, first_of

_SHOWN = 8


@dataclass(frozen=True)
class FeatureClasses:
    """Gives the classes of the features of a file.

    Attributes:
        key: the property that holds them; None: there is none.
        constant: the class of all features, where there is no such property.
    """

    key: str | None
    constant: str | None = None

    def __call__(self, file: GeoJsonFile) -> Sequence[str | None]:
        """Return the class of each feature; None: it has none.

        Raises:
            DataError: a value cannot be the name of a class.
        """
        if self.key is None:
            return [self.constant] * len(file.kinds)
        return _class_names(file, self.key)


def find_classes(
    files: Sequence[GeoJsonFile], class_property: str | None, classes: Sequence[str] | None
) -> FeatureClasses:
    """Return which property holds the class: the configured one, or the one that can be.

    Args:
        files: all files.
        class_property: the configured property; None: one of `CLASS_PROPERTIES`, or the only one.
        classes: the configured classes; a single one is that of features without properties.

    Raises:
        ConfigError: no feature has the configured property, or several could be meant, or none.
    """
    properties: Counter[str] = Counter()
    for file in files:
        properties.update(file.properties)
    there = first_of(sorted(properties), _SHOWN) or "none"
    if class_property is not None:
        if properties and not any(any(_column(file, class_property)) for file in files):
            raise ConfigError(
                f"dataset.class_property={class_property}: no feature has it; their properties:"
                f" {there}"
            )
        return FeatureClasses(class_property)
    if any(file.is_of_qupath for file in files):
        return FeatureClasses(CLASS_PROPERTIES[0])
    known = [key for key in sorted(properties) if key.lower() in CLASS_PROPERTIES]
    if len(known) == 1 or len(properties) == 1:
        return FeatureClasses(known[0] if known else next(iter(properties)))
    if not known and classes is not None and len(classes) == 1:
        return FeatureClasses(None, classes[0])
    if not any(len(file.kinds) for file in files):
        return FeatureClasses(None)
    raise ConfigError(
        f"{files[0].path}: nothing says which property holds the class; there are: {there}\n"
        "  name it: dataset.class_property=KEY; or give all polygons one class:"
        " 'dataset.classes=[NAME]'"
    )


@lru_cache(maxsize=1024)
def _class_names(file: GeoJsonFile, key: str) -> tuple[str | None, ...]:
    return tuple(_class_name(value, file, key) for value in _column(file, key))


def _column(file: GeoJsonFile, key: str) -> tuple[Any, ...]:
    return file.values.get(key, (None,) * len(file.kinds))


def _class_name(value: Any, file: GeoJsonFile, key: str) -> str | None:
    if isinstance(value, dict):  # of QuPath: a class, or the parts of a derived one
        parts = value.get("names", [value.get("name")])
        is_named = isinstance(parts, list) and all(isinstance(part, str) for part in parts)
        value = ": ".join(parts) if is_named else value if parts != [None] else None
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    is_number = type(value) is int or (type(value) is float and value.is_integer())
    if is_number:
        return str(int(value))
    raise DataError(
        f"{file.path}: a feature's {key} is {brief(value)}; a text or a whole number is needed\n"
        "  name the property that holds the class: dataset.class_property=KEY",
        fault="annotation",
    )
