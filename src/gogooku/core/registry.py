"""Tables of variants: what a setting's ``kind`` may be, and where the code of each kind is.

A row names its code by reference, ``module:attribute``, which is imported when it is first used.
So a table can be listed without importing what its rows need, and the code of one row is no part
of the key of what another row makes: `chosen_references` finds what a config has chosen.
The rows of a table lie in a module that is itself named by reference; a new row moves no old key.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel

from gogooku.core.config import Config
from gogooku.core.errors import ConfigError
from gogooku.core.extras import extra_needed
from gogooku.core.variants import OneOf


class VariantConfig(Config):
    """One of several configs that a setting may hold; ``kind`` says which."""

    kind: str


def load(reference: str) -> Any:
    """Import what a reference ``module:attribute`` names; the attribute may have dots.

    Raises
    ------
    ConfigError
        There is no such module or attribute.
    MissingPackageError
        It needs a package that is not installed.
    """
    module, _, path = reference.partition(":")
    try:
        with extra_needed():
            found: Any = importlib.import_module(module)
        for step in path.split("."):
            found = getattr(found, step)
    except (ModuleNotFoundError, AttributeError) as fault:
        raise ConfigError(
            f"reference {reference!r}: {fault}; expected module:attribute of an importable module"
        ) from fault
    return found


@dataclass(frozen=True, kw_only=True)
class Row:
    """One variant; a table's rows add references of their own.

    Attributes
    ----------
    kind : str
        The value of the config's ``kind``.
    meaning : str
        One line for people.
    config : str
        Reference of the config class; its module imports nothing heavy.
    """

    kind: str
    meaning: str
    config: str

    @property
    def references(self) -> tuple[str, ...]:
        """All references, ``module:attribute``, each once."""
        values = [getattr(self, one.name) for one in fields(self) if one.name != "meaning"]
        texts = [value for value in values if isinstance(value, str)]
        return tuple(dict.fromkeys(text for text in texts if ":" in text))


RowT = TypeVar("RowT", bound=Row)


@dataclass(eq=False)
class Table(Generic[RowT]):
    """Rows by kind.

    Attributes
    ----------
    what : str
        What a row is, for messages: ``learner``.
    source : str
        Reference of the rows of this package, a tuple; read when the table is first used.
    """

    what: str
    source: str
    _rows: dict[str, RowT] = field(default_factory=dict, init=False)

    @property
    def rows(self) -> dict[str, RowT]:
        """Rows by kind, those of the package first."""
        if not self._rows:
            self._rows = {row.kind: row for row in load(self.source)}
        return self._rows

    def kinds(self) -> tuple[str, ...]:
        """Every kind there is."""
        return tuple(self.rows)

    def row(self, kind: str) -> RowT:
        """The row of a kind.

        Raises
        ------
        ConfigError
            There is none; the message lists those that exist.
        """
        if kind not in self.rows:
            raise ConfigError(
                f"{self.what} {kind!r} does not exist; there are: {', '.join(self.rows)}"
            )
        return self.rows[kind]

    def config(self, kind: str) -> type[VariantConfig]:
        """The config class of a kind.

        Raises
        ------
        ConfigError
            No such kind, or its row names something that is no config of this kind.
        """
        row = self.row(kind)
        found = load(row.config)
        if not (isinstance(found, type) and issubclass(found, VariantConfig)):
            raise ConfigError(f"{self.what} {kind!r}: {row.config} is no VariantConfig class")
        stated = found.model_fields["kind"].default
        if stated != kind:
            raise ConfigError(
                f"{self.what} {kind!r}: {row.config} has the kind {stated!r}; "
                f'give it kind: Literal["{kind}"] = "{kind}"'
            )
        return found

    def references(self, kind: str) -> tuple[str, ...]:
        """What a kind is made of: references into code; what that imports comes on top."""
        return self.row(kind).references

    def register(self, row: RowT) -> None:
        """Add a row for the life of this process; its config class is checked at once.

        Raises
        ------
        ConfigError
            The kind exists already, or the row's config is no config of its kind.
        """
        if row.kind in self.rows:
            raise ConfigError(f"{self.what} {row.kind!r} exists already")
        self.rows[row.kind] = row
        try:
            self.config(row.kind)
        except ConfigError:
            del self.rows[row.kind]
            raise

    def remove(self, kind: str) -> None:
        """Take a row out again."""
        del self.rows[self.row(kind).kind]

    @contextmanager
    def registered(self, row: RowT) -> Iterator[None]:
        """Have a row for a while."""
        self.register(row)
        try:
            yield
        finally:
            self.remove(row.kind)


def chosen_references(config: BaseModel) -> tuple[str, ...]:
    """References of every variant that a config has chosen, at any depth.

    They are not shown by any import statement, so a stage whose result hangs on them names them
    beside its own module when it is stamped.
    """
    found: dict[str, None] = {}
    for name, declared in type(config).model_fields.items():
        value = getattr(config, name)
        marks = [*declared.metadata, *_marks_of_items(declared.annotation)]
        for one in value if isinstance(value, tuple) else (value,):
            if not isinstance(one, BaseModel):
                continue
            for mark in marks:
                if isinstance(mark, OneOf):
                    found |= dict.fromkeys(mark.table.references(str(getattr(one, "kind", ""))))
            found |= dict.fromkeys(chosen_references(one))
    return tuple(found)


def _marks_of_items(annotation: Any) -> tuple[Any, ...]:
    """What is declared beside the type of the items of a tuple."""
    return tuple(mark for item in get_args(annotation) for mark in get_args(item)[1:])
