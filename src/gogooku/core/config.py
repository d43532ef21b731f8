"""Strict configuration: a run function, then a TOML file, then ``--set``; each value remembered.

A config is a frozen pydantic model that forbids unknown keys. `resolve` applies the overrides and
returns the config with, for every leaf, where its value came from.
"""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gogooku.core.errors import ConfigError
from gogooku.core.files import hash_json
from gogooku.core.findings import VARIANT, explain, field_paths, nearest, short

DEFAULT_ORIGIN = "default"
"""Origin of a value that nobody stated."""
SETTINGS = "settings"
"""Origin of a value that a Python program stated."""
_OPENED = "\0opened"


class Config(BaseModel):
    """Base of every configuration model: frozen, and an unknown key is an error.

    NaN and infinity are no values of a setting, nor is a whole number that 64 bits do not hold.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    @field_validator("*", mode="after")
    @classmethod
    def _fits_64_bits(cls, value: Any) -> Any:
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, int) and abs(one) >= 1 << 63:
                raise ValueError("a whole number has at most 18 digits")
        return value

    @property
    def content_hash(self) -> str:
        """Hash of the resolved values."""
        return hash_json(self.model_dump(mode="json"))


ConfigT = TypeVar("ConfigT", bound=Config)
PartT = TypeVar("PartT", bound=Config)


@dataclass(frozen=True)
class Resolved(Generic[ConfigT]):
    """A config with the origin of each of its leaves.

    ``origins`` maps a dotted path to ``default``, ``default of exchange NAME``, ``run NAME``,
    ``file PATH``, ``--set`` or, from Python, ``settings``.
    """

    config: ConfigT
    origins: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Value and origin of every leaf, for ``config.json``."""
        return {
            path: {"value": value, "from": self.origins[path]}
            for path, value in leaves(self.config.model_dump(mode="json"))
        }

    def part(self, kind: type[PartT]) -> Resolved[PartT]:
        """The settings that another model shares with this one, and their origins."""
        config = kind(**{name: getattr(self.config, name) for name in kind.model_fields})
        paths = [path for path, _ in leaves(config.model_dump(mode="json"))]
        return Resolved(config=config, origins={path: self.origins[path] for path in paths})


def assignments_for(written: Mapping[str, Mapping[str, Any]], base: Config) -> list[str]:
    """Texts for ``--set`` that turn a base config into what a ``config.json`` holds.

    Leaves that the model does not have are left out: an earlier version may have written them.
    """
    there = dict(leaves(base.model_dump(mode="json")))
    known = set(field_paths(type(base)))
    return [
        f"{path}={json.dumps(entry['value'], ensure_ascii=False, allow_nan=False)}"
        for path, entry in written.items()
        if path in known and (path not in there or there[path] != entry["value"])
    ]


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and value of every leaf; lists are leaves, an empty mapping is one too."""
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def tree_of(written: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The values of a ``config.json`` as a tree: `leaves` the other way."""
    tree: dict[str, Any] = {}
    for path, entry in written.items():
        *parents, last = path.split(".")
        node = tree
        for step in parents:
            node = node.setdefault(step, {})
        node[last] = entry["value"]
    return tree


def parse_assignment(text: str) -> tuple[str, Any]:
    """Read one ``path=value``; the value is TOML, a bare word is a string."""
    path, sign, raw = text.partition("=")
    path = path.strip()
    if not sign or not path:
        raise ConfigError(f"--set {short(text)}: expected path=value, for example --set seed=2")
    try:
        value = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        value = raw
    except (RecursionError, ValueError) as fault:
        raise ConfigError(f"--set {short(path)}: no value ({_why(fault)})") from fault
    return path, value


def _why(fault: Exception) -> str:
    """Why a text that may be TOML cannot be read, in plain words."""
    if isinstance(fault, RecursionError):
        return "brackets within brackets, too deep"
    if isinstance(fault, UnicodeDecodeError):
        return "it is no text in UTF-8"
    if "digits" in str(fault):
        return "a number of thousands of digits"
    return str(fault)


_MOST_BYTES = 1 << 20
"""Of a config file: all settings there are take a hundredth."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML config file; a missing or broken one is a `ConfigError`."""
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"--config {path}: is no file. Give the path of a TOML file.")
        with path.open("rb") as handle:
            content = handle.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ConfigError(
                f"--config {path}: has more than {_MOST_BYTES:,} bytes, so it is no file of "
                "settings. Give the path of a TOML file."
            )
        return tomllib.loads(content.decode("utf-8-sig"))
    except OSError as fault:
        raise ConfigError(f"--config {path}: cannot be read ({fault.strerror})") from fault
    except (ValueError, RecursionError) as fault:
        raise ConfigError(f"--config {path}: not valid TOML: {_why(fault)}") from fault


def resolve(
    base: ConfigT,
    *,
    base_name: str,
    file: Path | None = None,
    assignments: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> Resolved[ConfigT]:
    """Apply overrides to a base config and remember where every value came from.

    Parameters
    ----------
    base : Config
        What a run function returned.
    base_name : str
        Name of that function, shown as the origin of values that differ from the defaults.
    file : Path, optional
        TOML file with the same tree.
    assignments : sequence of str
        ``path=value`` texts, applied after the file, in order.
    settings : mapping, optional
        The same from Python, applied last: dotted path, or a tree of them, to value.

    Raises
    ------
    ConfigError
        An unknown key (with the nearest valid names) or a value that does not fit its field.
    """
    tree = base.model_dump(mode="json")
    origins = {
        path: f"run {base_name}" if path in _set_paths(base) else DEFAULT_ORIGIN
        for path, _ in leaves(tree)
    }
    _open_tables(tree, base)
    overrides: list[tuple[str, Any, str]] = []
    if file is not None:
        overrides += [(path, value, f"file {file.name}") for path, value in leaves(read_toml(file))]
    stated = [(*parse_assignment(text), "--set") for text in assignments]
    stated += [(path, value, SETTINGS) for path, value in (settings or {}).items()]
    for path, value, origin in stated:
        if value == {}:  # changes nothing, but only where there is such a setting
            _assign(copy.deepcopy(tree), path, value, origin=origin)
        pairs = leaves(value, f"{path}.") if isinstance(value, Mapping) else [(path, value)]
        overrides += [(leaf, inner, origin) for leaf, inner in pairs]
    rank = {"--set": 1, SETTINGS: 2}
    overrides.sort(key=lambda one: (rank.get(one[2], 0), one[0].rsplit(".", 1)[-1] != VARIANT))
    for path, value, origin in overrides:
        _assign(tree, path, value, origin=origin)
        origins[path] = origin
    config = validated(type(base), _close(tree), origins=origins)
    present = {path for path, _ in leaves(config.model_dump(mode="json"))}
    return Resolved(config=config, origins={p: origins.get(p, DEFAULT_ORIGIN) for p in present})


def validated(
    model: type[ConfigT], tree: Mapping[str, Any], *, origins: Mapping[str, str] | None = None
) -> ConfigT:
    """Validate a plain tree into a config; what does not fit becomes one `ConfigError`.

    ``origins`` says where the value of a path came from, for the message.
    """
    try:
        return model.model_validate(dict(tree))
    except ValidationError as fault:
        raise ConfigError(explain(fault, model, origins=origins)) from fault


def _set_paths(config: BaseModel, prefix: str = "") -> set[str]:
    """Paths of leaves that were given explicitly when the config was made."""
    found: set[str] = set()
    for name in config.model_fields_set:
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            found |= _set_paths(value, f"{prefix}{name}.")
        else:
            found.add(f"{prefix}{name}")
    return found


def _assign(tree: dict[str, Any], path: str, value: Any, *, origin: str) -> None:
    """Put a value at a dotted path.

    Another ``kind`` opens its node: the settings of the other variant are forgotten, and those of
    the new one are checked when the whole is validated.
    """
    *parents, last = path.split(".")
    node: Any = tree
    for step in parents:
        if isinstance(node, dict) and _OPENED in node:
            node.setdefault(step, {_OPENED: True})
        node = node.get(step) if isinstance(node, dict) else None
    if isinstance(node, dict) and last == VARIANT and node.get(VARIANT, value) != value:
        node.clear()
        node[_OPENED] = True
    if not isinstance(node, dict) or (last not in node and _OPENED not in node):
        known = [name for name, _ in leaves(_close(tree))]
        raise ConfigError(
            f"{origin}: unknown setting {path!r}; nearest valid names: {nearest(path, known)}"
        )
    node[last] = value


def _open_tables(tree: dict[str, Any], config: BaseModel) -> None:
    """Open the nodes of settings that are tables: any name may be set there."""
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            _open_tables(tree[name], value)
        elif isinstance(value, dict):
            tree[name][_OPENED] = True


def _close(tree: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _close(value) if isinstance(value, dict) else value
        for key, value in tree.items()
        if key != _OPENED
    }


class Residence(StrEnum):
    """Where the training tensor lies while a network is fitted on a GPU."""

    AUTO = "auto"
    """On the GPU if half of its free memory holds it."""
    ON = "on"
    OFF = "off"


class Execution(Config):
    """Settings that must not change any result, only how fast it comes.

    Numeric threads, the device, whether is compiled for it and the number of processes are the
    exceptions: they change the last bits of training, so the stamp of a run holds them.
    """

    threads: int = Field(default=2, ge=1)
    """Worker and numeric threads."""
    block_names: int = Field(default=128, ge=1)
    """Names computed at once along time."""
    block_sessions: int = Field(default=256, ge=1)
    """Most sessions of a year computed at once."""
    device: str = Field(
        default="cpu",
        pattern=r"^(cpu|cuda(:\d+)?)$",
        description="cpu, cuda, or cuda:N with the number of a GPU",
    )
    """Where networks are trained and scored; whether this machine has it shows when it is used."""
    save_seconds: float = Field(default=60.0, ge=0.0)
    """Seconds of training after which a network's state is written again, beside after each epoch;
    a killed fit loses as much."""
    stall_seconds: float = Field(default=300.0, ge=0.0)
    """Seconds without a sign of life after which a fit says at what it is; 0 for never."""
    compiled: bool = False
    """Whether networks are compiled for a GPU before they are trained there."""
    residence: Residence = Residence.AUTO
    """Whether the training tensor lies on the GPU."""
    processes: int = Field(default=1, ge=1)
    """Processes that fit one network together, each on some sessions of a step."""

    @property
    def where(self) -> str:
        """Device, compiled or not, processes: what the last bits of a training hang on."""
        compiled = " compiled" if self.compiled else ""
        several = f" by {self.processes} processes" if self.processes > 1 else ""
        return f"{self.device}{compiled}{several}"
