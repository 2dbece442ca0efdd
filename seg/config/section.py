"""Bases of the sections of a configuration: frozen, unknown keys refused."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Section of a configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Target(Section):
    """Section that names what is built from it; its other keys must fit that signature."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)
    target: Annotated[str, Field(alias="_target_", min_length=3)]

    def node(self) -> dict[str, Any]:
        """Return the section as plain data, as it was written."""
        return self.model_dump(by_alias=True)
