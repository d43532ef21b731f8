"""What one does next: said by a command that has finished, to people who watch."""

from __future__ import annotations

import shlex
import string
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from gogooku.runs.folder import Run

FOLLOWING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "import": ("build",),
        "sync --dry-run": ("sync --source {source}",),
        "sync --status": (),
        "sync --repair": ("sync --source {source}",),
        "sync --forget": (),
        "sync": ("build --source {source}",),
        "sandbox market --name": ("build --source {name}",),
        "sandbox market": ("build --source sandbox-{size}-{seed}",),
        "build": ("audit", "train ridge", "train lightgbm"),
        "audit": ("train ridge", "train lightgbm"),
        "train": ("evaluate {run}", "backtest {run}", "report {run}"),
        "evaluate": ("backtest {runs[0]}", "report {runs[0]}"),
        "judge --horizon": (
            "backtest {name} --set portfolio.horizon={horizon}",
            "report {name} --set portfolio.horizon={horizon}",
        ),
        "judge": ("backtest {name}", "report {name}", "compare {name} ridge"),
        "compare": ("backtest {runs[0]}", "report {runs[0]}"),
        "backtest": ("report {run}{settings}", "predict --run {fitted}"),
        "report": ("predict --run {fitted}", "release {fitted}"),
        "predict": ("release {run}",),
        "release": ("releases",),
        "rollback": ("releases",),
        "retire": ("releases",),
        "evening --dry-run": ("evening --source {source}",),
        "evening": ("orders --source {source}", "dashboard --source {source}"),
        "orders": ("portfolio --source {source}",),
        "keys add": ("serve",),
        "keys revoke": ("keys list",),
        "holdout add": ("holdout list",),
        "prune --yes": (),
        "prune": ("prune --yes",),
    }
)
"""Commands by the command that they follow, best first; with an option where that changes it.

A place, ``{run}``, is filled with what the command was given or found; one that is empty leaves its
line out. ``{settings}`` are the settings that the command was given, if any: what follows is about
the same. What is not here is read, and nothing follows from it.
"""


def next_lines(command: str, given: Mapping[str, Any], *, home: str | None) -> list[str]:
    """``next: gogooku build``; nothing where nothing follows.

    Parameters
    ----------
    command : str
        Without the name of the program.
    given : mapping
        Its options and arguments by their names, and what it found (`Answer.found`).
    home : str, optional
        The folder that was chosen for it, which the next one needs too.
    """
    chosen = [name for name, value in given.items() if value not in (None, False, [], "")]
    keys = [f"{command} --{name.replace('_', '-')}" for name in chosen]
    key = next((one for one in keys if one in FOLLOWING), command)
    found = [_filled(text, given) for text in FOLLOWING.get(key, ())]
    where = "" if home is None else f" --home {shlex.quote(home)}"
    return [f"next: gogooku {text}{where}" for text in found if text]


def fitted_name(run: Run, name: str) -> dict[str, str]:
    """The place ``{fitted}``: the run as it was named, none if its scores were made elsewhere."""
    return {} if run.given else {"fitted": name}


def _filled(text: str, given: Mapping[str, Any]) -> str:
    """A line with its places filled, each as one word of a shell; empty if one was not given."""
    places = [field for _, field, _, _ in string.Formatter().parse(text) if field]
    names = {place.partition("[")[0] for place in places} - {"settings"}
    if any(given.get(name) in (None, [], "") for name in names):
        return ""
    words = {name: _word(given[name]) for name in names}
    return text.format_map({**words, "settings": _settings(given)})


def _settings(given: Mapping[str, Any]) -> str:
    """The options that a command took its settings from, as they are written behind another."""
    file = given.get("config")
    words = [] if file is None else ["--config", str(file)]
    words += [word for text in given.get("assignments") or () for word in ("--set", text)]
    return "".join(f" {shlex.quote(word)}" for word in words)


def _word(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_word(one) for one in value]
    return shlex.quote(str(value))
