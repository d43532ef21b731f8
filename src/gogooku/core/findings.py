"""What pydantic finds wrong, in plain words: the setting, what was given, what is expected.

Messages are made from the declared type of a setting and its bounds, never from pydantic's own
texts, which name Python types and print whole configs.
"""

from __future__ import annotations

import difflib
import enum
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from gogooku.core.variants import OneOf

_NEAREST = 3
_LISTED = 12
"""Most names listed in one message."""
_SHOWN = 8
"""Most wrong settings named in one message."""
_LONGEST = 60
"""Most characters shown of a value that was given."""
VARIANT = "kind"
_OWN_WORDS = ("value_error", "assertion_error")
"""Findings of the project's own checks, whose words are kept."""
_NOUNS = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("a text", "texts"),
    bool: ("true or false", "of true and false"),
    date: ("a date, YYYY-MM-DD", "dates, YYYY-MM-DD"),
}

_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


@dataclass(frozen=True)
class Unit:
    """What a number counts or is measured in, for messages; beside its type in `Annotated`."""

    name: str


@dataclass(frozen=True)
class _Field:
    """A declared type, what is declared beside it, and words that replace both."""

    annotation: Any
    metadata: Sequence[Any] = ()
    words: str | None = None

    @property
    def variants(self) -> dict[str, type[BaseModel]]:
        """Models that the value may be, by their ``kind``; one without a kind is named ``""``."""
        found: dict[str, type[BaseModel]] = {}
        for model in models_in(self.annotation, self.metadata):
            kind = model.model_fields.get(VARIANT)
            found[str(kind.default) if kind else ""] = model
        return found


@dataclass(frozen=True)
class _Place:
    """What a finding is about.

    Attributes
    ----------
    steps : list of str
        Names from the root of the config.
    holder : type of config
        Model that has, or would have, the last of them.
    field : _Field, optional
        The setting; None where it does not exist.
    item : int, optional
        Position in a list.
    """

    steps: list[str]
    holder: type[BaseModel]
    field: _Field | None = None
    item: int | None = None

    @property
    def path(self) -> str:
        """The setting as a user writes it."""
        return ".".join(self.steps)

    @property
    def beside(self) -> list[str]:
        """Paths of the settings that the same model has."""
        prefix = "".join(f"{step}." for step in self.steps[:-1])
        return field_paths(self.holder, prefix)


def explain(
    fault: ValidationError, model: type[BaseModel], *, origins: Mapping[str, str] | None = None
) -> str:
    """One paragraph for everything that is wrong with the settings of a config.

    Parameters
    ----------
    fault : ValidationError
    model : type of config
        What was validated.
    origins : mapping, optional
        Where the value of a path came from; shown for files and ``--set``.
    """
    found: dict[str, str] = {}
    for finding in _first_causes(fault.errors()):
        path, message = _finding(finding, model, origins or {})
        found.setdefault(path, f"{path}: {message}" if path else message)
    shown = list(found.values())[:_SHOWN]
    if len(found) > _SHOWN:
        shown.append(f"and {len(found) - _SHOWN} more")
    count = "1 setting is wrong" if len(found) == 1 else f"{len(found)} settings are wrong"
    return f"config: {count}: " + "; ".join(shown)


def _first_causes(findings: Sequence[Any]) -> list[Any]:
    """Findings but those that follow from others: a list is short of its own faulty items."""
    within = [
        tuple(one["loc"][:-1][:depth]) for one in findings for depth in range(len(one["loc"]))
    ]
    return [
        one for one in findings if one["type"] != "too_short" or tuple(one["loc"]) not in within
    ]


def explain_value(finding: Mapping[str, Any]) -> str:
    """What one finding says of a single value, such as an option or a query parameter."""
    context = finding.get("ctx", {})
    kind = str(finding["type"])
    bounds = [
        f"a number, {word} {context[name]:,g}" for name, word in _BOUNDS.items() if name in context
    ]
    nouns = {one.__name__: words for one, (words, _) in _NOUNS.items()}
    if kind in _OWN_WORDS:
        return str(finding["msg"]).partition(", ")[2]
    if kind == "missing":
        return "nothing was given"
    wanted = bounds[0] if bounds else nouns.get(kind.partition("_")[0], "another value")
    return f"got {short(finding['input'])}, expected {wanted}"


def field_paths(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Dotted paths of all leaves that a model type can hold, unions included."""
    paths: list[str] = []
    for name, field in model.model_fields.items():
        inner = models_in(field.annotation, field.metadata)
        if not inner:
            paths.append(f"{prefix}{name}")
        for one in inner:
            paths += field_paths(one, f"{prefix}{name}.")
    return list(dict.fromkeys(paths))


def models_in(annotation: Any, metadata: Iterable[Any] = ()) -> list[type[BaseModel]]:
    """Models that a declared type names: those of its table, or of a union each."""
    listed = [model for mark in metadata if isinstance(mark, OneOf) for model in mark.models]
    if listed:
        return listed
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        found: list[type[BaseModel]] = []
        for part in typing.get_args(annotation):
            found += models_in(part)
        return found
    return []


def nearest(path: str, known: Sequence[str]) -> str:
    """Known paths most like a path that does not exist, by the whole of it or by its last name."""
    close = difflib.get_close_matches(path, known, n=_NEAREST, cutoff=0.5)
    last = path.rsplit(".", 1)[-1]
    close += [
        name
        for name in known
        if difflib.SequenceMatcher(None, last, name.rsplit(".", 1)[-1]).ratio() > 0.7
    ]
    names = list(dict.fromkeys(close))[:_NEAREST] or sorted(known)[: 2 * _NEAREST]
    return ", ".join(names)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """What follows a name that does not exist: the one most like it, if one is, and the others."""
    folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.5)
    like = f"; did you mean {folded[close[0]]}?" if close else "."
    newest = list(known[-_LISTED:])
    if len(known) > _LISTED:
        newest.insert(0, f"{len(known) - _LISTED} more")
    there = "There is" if len(known) == 1 else "There are"
    return f"{like} {there}: {', '.join(newest)}."


def short(value: Any) -> str:
    """A value that was given, as it would be written, and never more than one short phrase."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return f"a group of {len(value)} settings" if value else "an empty group of settings"
    if isinstance(value, BaseModel):
        return "a group of settings"
    if isinstance(value, list | tuple | set | frozenset):
        text = "[" + ", ".join(short(one) for one in list(value)[:_LONGEST]) + "]"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str):
        text = repr(str(value))
    elif isinstance(value, int | float | date):
        text = str(value)
    else:
        text = "an object that no setting takes"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def takes(declared: FieldInfo, path: str) -> str:
    """What a setting takes, of a field as pydantic holds it."""
    return expected(
        _Field(declared.annotation, tuple(declared.metadata), declared.description), path
    )


def _finding(
    finding: Mapping[str, Any], model: type[BaseModel], origins: Mapping[str, str]
) -> tuple[str, str]:
    """Path and message of one finding."""
    place = _locate(finding["loc"], model)
    path, field = place.path, place.field
    kind = finding["type"]
    if kind == "extra_forbidden":
        return path, f"there is no such setting; nearest: {nearest(path, place.beside)}"
    if kind in _OWN_WORDS:
        return path, str(finding["msg"]).partition(", ")[2]
    if field is None:
        return path, f"got {short(finding['input'])}, expected settings by name"
    value, wanted = finding["input"], expected(field, path)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        value = value.get(VARIANT) if isinstance(value, Mapping) else None
        path, wanted = f"{path}.{VARIANT}", _choices(list(field.variants))
    given = "nothing was given" if value is None or kind == "missing" else f"got {short(value)}"
    if place.item is not None and kind != "missing":
        given = f"{given} as item {place.item + 1}"
    origin = origins.get(path, "")
    if origin == "--set" or origin.startswith("file "):
        given = f"{given} ({origin})"
    return path, f"{given}, expected {wanted}"


def _locate(location: Sequence[int | str], model: type[BaseModel]) -> _Place:
    """Find the setting that a finding is about.

    The variants of a union are steps of pydantic's own; a user does not write them.
    """
    steps = list(location)
    path: list[str] = []
    field: _Field | None = None
    holder, known = model, [model]
    while steps and known:
        (holder,) = known
        path.append(str(steps.pop(0)))
        declared = holder.model_fields.get(path[-1])
        if declared is None:
            return _Place(path, holder)
        field = _Field(declared.annotation, tuple(declared.metadata), declared.description)
        variants = field.variants
        known = list(variants.values())
        if len(known) > 1:
            known = [variants[str(steps.pop(0))]] if steps else []
    if field is not None and steps and typing.get_origin(field.annotation) is dict:
        path.append(str(steps.pop(0)))
        field = _Field(typing.get_args(field.annotation)[1])
    items = [step for step in steps if isinstance(step, int)]
    place = _Place(path, holder, field, items[0] if items else None)
    inner = {} if field is None else _item_of(field.annotation).variants
    if inner and len(steps) > (1 if "" in inner else 2):
        number, *rest = steps
        found = _locate(rest, inner["" if "" in inner else str(rest.pop(0))])
        return replace(found, steps=[*path[:-1], f"{path[-1]}[{number}]", *found.steps])
    return place


def _item_of(annotation: Any) -> _Field:
    """The declared type of the items of a list."""
    first = (*typing.get_args(annotation), str)[0]
    if typing.get_origin(first) is typing.Annotated:
        kind, *metadata = typing.get_args(first)
        return _Field(kind, tuple(metadata))
    return _Field(first)


def expected(field: _Field, path: str) -> str:
    """What a setting takes: its type, its choices, its bounds and its unit."""
    if field.words is not None:
        return field.words
    annotation, metadata = field.annotation, field.metadata
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return expected(_Field(arguments[0], (*metadata, *arguments[1:])), path)
    if field.variants:
        kinds = [kind for kind in field.variants if kind]
        if kinds:
            return f"the settings of {path}, for example {path}.{VARIANT}={kinds[0]}"
        return (
            f"the settings of {path}: {', '.join(next(iter(field.variants.values())).model_fields)}"
        )
    if origin in (typing.Union, types.UnionType):
        kinds_of = [one for one in arguments if one is not type(None)]
        return " or ".join(expected(_Field(one, metadata), path) for one in kinds_of)
    if origin is typing.Literal:
        return _choices(arguments)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _choices(list(annotation))
    if origin in (tuple, list):
        return _listed(annotation, metadata)
    if origin is dict:
        return f"texts by name, each given as {path}.NAME=TEXT"
    return _NOUNS[annotation][0] + _unit(metadata) + _bounds(metadata)


def _listed(annotation: Any, metadata: Iterable[Any]) -> str:
    arguments, item = typing.get_args(annotation), _item_of(annotation)
    if item.variants:
        nouns = "groups of settings" if "" in item.variants else "settings, each with a kind"
    else:
        kinds = typing.get_args(item.annotation) or (item.annotation,)
        nouns = " or ".join(_NOUNS[one][1] for one in kinds if one in _NOUNS)
    if Ellipsis not in arguments and len(arguments) > 1:
        return f"a list of {len(arguments)} {nouns}"
    fewest = [one.min_length for one in metadata if hasattr(one, "min_length")]
    return f"a list of {nouns}" + (f", at least {fewest[0]} of them" if fewest else "")


def _choices(values: Iterable[Any]) -> str:
    texts = [str(one.value) if isinstance(one, enum.Enum) else str(one) for one in values]
    return texts[0] if len(texts) == 1 else f"one of {', '.join(texts)}"


def _unit(metadata: Iterable[Any]) -> str:
    units = [one.name for one in metadata if isinstance(one, Unit)]
    return f" of {units[0]}" if units else ""


def _bounds(metadata: Iterable[Any]) -> str:
    said = [
        f"{word} {getattr(one, name):,g}"
        for one in metadata
        for name, word in _BOUNDS.items()
        if hasattr(one, name)
    ]
    return f", {' and '.join(said)}" if said else ""
