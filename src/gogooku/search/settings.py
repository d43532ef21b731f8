"""From values of knobs to the settings of a run, and to a file that another run can be given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gogooku.core.config import Resolved, read_toml, resolve, validated
from gogooku.core.errors import ConfigError
from gogooku.core.space import Space, Value
from gogooku.learn.spaces import space_of
from gogooku.runs.config import TrainConfig

_NOT_SEARCHED = ("split", "seed", "label_order", "search", "warmup_sessions")
"""What decides how a trial is judged: were it varied, trials could not be compared."""


def space_for(config: TrainConfig, file: Path | None) -> Space:
    """The space of a file, or of the learner; each of its knobs is tried on the run.

    Raises
    ------
    ConfigError
        A knob is about no setting of the run, about one that must not be searched, or one of its
        values is none of the setting; the message names knob, value and the nearest settings.
    """
    space = space_of(config.learner.kind) if file is None else _read(file)
    _check(space, config)
    return space


def _read(file: Path) -> Space:
    try:
        return validated(Space, read_toml(file))
    except ConfigError as fault:
        raise ConfigError(f"--space {file.name}: {fault}") from fault


def _check(space: Space, config: TrainConfig) -> None:
    """Set every knob to each of its ends, the others as they are: all have to be a run."""
    for knob in space.knobs:
        before = _first(space, knob.when)
        for value in _ends(knob):
            wanted = space.settings({**before, knob.name: value})
            for path in knob.settings(value):
                if path.split(".")[0] in _NOT_SEARCHED:
                    raise ConfigError(
                        f"search space: {path} decides how trials are judged and cannot be "
                        "varied; take the knob out"
                    )
            try:
                applied(config, wanted)
            except ConfigError as fault:
                raise ConfigError(
                    f"search space: knob {knob.name} at {value!r}: {fault}"
                ) from fault


def _first(space: Space, when: Mapping[str, tuple[Value, ...]]) -> dict[str, Value]:
    """Values at which a condition holds, with those that it needs in turn."""
    found: dict[str, Value] = {}
    for name, values in when.items():
        knob = next(one for one in space.knobs if one.name == name)
        found |= _first(space, knob.when)
        found[name] = values[0]
    return found


def _ends(knob: Any) -> tuple[Value, ...]:
    if hasattr(knob, "options"):
        return tuple(knob.options)
    return (knob.low, knob.high)


def applied(config: TrainConfig, settings: Mapping[str, Any]) -> TrainConfig:
    """A run with some settings changed.

    Raises
    ------
    ConfigError
        A path is none of its settings, or together they are no run.
    """
    return resolve(config, base_name="trial", assignments=assignments(settings)).config


def assignments(settings: Mapping[str, Any]) -> list[str]:
    """As texts for ``--set``."""
    return [
        f"{path}={json.dumps(value, ensure_ascii=False, allow_nan=False)}"
        for path, value in settings.items()
    ]


def stated(resolved: Resolved[Any]) -> dict[str, Any]:
    """Settings of the learner, and how it is fitted, that a user stated: by path."""
    return {
        path: entry["value"]
        for path, entry in resolved.to_json().items()
        if path.split(".")[0] not in _NOT_SEARCHED
        and (entry["from"] == "--set" or entry["from"].startswith("file "))
    }


def toml_text(settings: Mapping[str, Any], *, remark: str) -> str:
    """Settings by path as a TOML file, with a remark before them."""
    lines = [f"# {line}" for line in remark.splitlines()]
    return (
        "\n".join([*lines, *(f"{path} = {_toml(value)}" for path, value in settings.items())])
        + "\n"
    )


def space_toml(space: Space) -> str:
    """A space as a TOML file that `space_for` reads: a table a knob."""
    return "\n".join(_knob_text(knob) for knob in space.knobs)


def _knob_text(knob: Any) -> str:
    dumped = knob.model_dump(mode="json")
    kind, when, options = dumped.pop("kind"), dumped.pop("when"), dumped.pop("options", None)
    lines = [
        "[[knobs]]",
        f"kind = {_toml(kind)}",
        *(f"{k} = {_toml(v)}" for k, v in dumped.items()),
    ]
    if isinstance(options, list):
        lines.append(f"options = {_toml(options)}")
    for name, values in when.items():
        lines.append(f"when.{_toml(name)} = {_toml(values)}")
    for name, settings in options.items() if isinstance(options, dict) else ():
        pairs = ", ".join(f"{_toml(path)} = {_toml(value)}" for path, value in settings.items())
        lines.append(f"options.{_toml(name)} = {{ {pairs} }}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A JSON value as TOML: texts, numbers, truth and lists are written alike."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
