"""The settings of a config before anything is made: what each takes, its default and its meaning.

A meaning is what the code says of a field: the text below it, or its entry under ``Attributes`` in
the docstring of its class or of a class that it comes from.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gogooku.core.findings import VARIANT, models_in, short, takes

_ENTRY = re.compile(r"^(?P<names>\w+(?:, \w+)*) : ")
_MISSING = object()
_UNDERLINE = re.compile(r"^-{3,}$")


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes
    ----------
    path : str
        As it is given to ``--set``.
    takes, default, meaning : str
        In words; the default is empty where a value must be stated, the meaning where the code has
        none.
    """

    path: str
    takes: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Choice:
    """A setting that holds one of several groups, chosen by ``kind``."""

    path: str
    kinds: Mapping[str, type[BaseModel]]
    default: str


def settings_of(
    model: type[BaseModel], prefix: str = "", *, held: BaseModel | None = None
) -> Iterator[Setting | Choice]:
    """Every setting of a config class, those of its groups included.

    Settings of a `Choice` depend on its kind: ask for them by ``settings_of(choice.kinds[kind],
    f"{choice.path}.")``. ``held`` is the group that stands there by default, if its values are not
    those of its class.
    """
    said = meanings(model)
    for name, declared in model.model_fields.items():
        if name == VARIANT:
            continue
        path, inner = f"{prefix}{name}", models_in(declared.annotation, declared.metadata)
        value = getattr(held, name) if held is not None else _value(declared)
        if len(inner) > 1 or (inner and VARIANT in inner[0].model_fields):
            kinds = {_kind(one): one for one in inner}
            yield Choice(path, kinds, str(getattr(value, VARIANT, "")))
        elif inner:
            group = value if isinstance(value, BaseModel) else None
            yield from settings_of(inner[0], f"{path}.", held=group)
        else:
            meaning = said.get(name, "") or _of_its_choices(declared.annotation)
            yield Setting(path, takes(declared, path), _shown(value), meaning)


def _of_its_choices(annotation: object) -> str:
    """What the class of named choices says that they are about."""
    named = isinstance(annotation, type) and issubclass(annotation, Enum)
    return (annotation.__doc__ or "").strip().splitlines()[0] if named else ""


def _kind(model: type[BaseModel]) -> str:
    return str(model.model_fields[VARIANT].default)


def _value(declared: FieldInfo) -> object:
    """The default of a field; `_MISSING` where a value must be stated."""
    if declared.is_required():
        return _MISSING
    return declared.get_default(call_default_factory=True, validated_data={})


def _shown(value: object) -> str:
    if value is _MISSING:
        return ""
    return "not stated" if value is None else short(value)


@lru_cache(maxsize=128)
def meanings(model: type[BaseModel]) -> Mapping[str, str]:
    """What the code says of each field of a config class; of one it says nothing of, nothing."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if one is not BaseModel and issubclass(one, BaseModel):
            found |= _from_docstring(one.__dict__.get("__doc__") or "")
            found |= _from_source(one)
    return found


def _from_docstring(text: str) -> dict[str, str]:
    """Entries of the section ``Attributes``."""
    found: dict[str, list[str]] = {}
    names: list[str] = []
    lines = inspect.cleandoc(text).splitlines()
    if "Attributes" not in lines:
        return {}
    for line in lines[lines.index("Attributes") + 2 :]:
        if _UNDERLINE.match(line):
            break
        entry = _ENTRY.match(line)
        if entry:
            names = entry["names"].split(", ")
        elif line.startswith(" "):
            for name in names:
                found.setdefault(name, []).append(line.strip())
    return {name: " ".join(words) for name, words in found.items()}


def _from_source(model: type[BaseModel]) -> dict[str, str]:
    """Texts that stand below a field."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    found: dict[str, str] = {}
    if not isinstance(body, ast.ClassDef):
        return found
    for field, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[field.target.id] = " ".join(after.value.value.split())
    return found
