"""Settings that hold one of several configs, listed by a table instead of a union in the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Protocol, Union

from pydantic import BaseModel, Field, TypeAdapter
from pydantic_core import CoreSchema, core_schema


class Kinds(Protocol):
    """What `OneOf` asks of a table of variants."""

    def kinds(self) -> tuple[str, ...]:
        """Every kind there is."""

    def config(self, kind: str) -> type[BaseModel]:
        """The config class of a kind; a `ConfigError` lists those there are."""

    def references(self, kind: str) -> tuple[str, ...]:
        """References into the code that a kind is made of."""


@dataclass(frozen=True)
class OneOf:
    """Mark of a setting that holds any config of a table: ``Annotated[VariantConfig, OneOf(T)]``.

    It is checked and dumped like a union of the table's config classes, chosen by ``kind``. The
    table is asked when a value is checked, so a row that is added later counts too.
    """

    table: Kinds

    @property
    def models(self) -> tuple[type[BaseModel], ...]:
        """The config classes of the table as it is now."""
        return tuple(self.table.config(kind) for kind in self.table.kinds())

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        """Check against the table, and dump every field of what is held."""
        del source, handler
        return core_schema.no_info_plain_validator_function(
            lambda value: _union(self.models).validate_python(value),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value, info: value.model_dump(mode=info.mode), info_arg=True
            ),
        )


@lru_cache(maxsize=32)
def _union(models: Sequence[type[BaseModel]]) -> TypeAdapter[Any]:
    """What checks a value against several config classes; one alone needs no discriminator."""
    wanted: Any = models[0]
    if len(models) > 1:
        wanted = Annotated[Union[tuple(models)], Field(discriminator="kind")]  # noqa: UP007
    return TypeAdapter(wanted)
