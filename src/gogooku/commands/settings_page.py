"""The page of all settings with their defaults: ``python -m gogooku.commands.settings_page``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from gogooku.commands.settings import CONFIGS
from gogooku.core.settings import Choice, Setting, settings_of

PAGE: Final = Path("docs/settings.md")
COMMAND: Final = "python -m gogooku.commands.settings_page"

_SAME: Final = ("compare", "judge")
"""Commands whose settings are those of another one, which has a section."""

_HEAD = f"""# Settings

<!-- Written by `{COMMAND}`; a test compares. Do not edit. -->

What `--set PATH=VALUE` and `--config FILE.toml` take, command by command. An unknown path or a
value that does not fit is refused before anything runs, with the nearest names. What is *not
stated* follows from something else, mostly the exchange of the source, and the output says what was
taken. `gogooku explain ARTEFACT` says of anything that was made which settings it has, and where
each came from.

Where a group has a `kind`, the kind brings settings of its own; they stand in a section by
themselves. `gogooku compare` takes those of `evaluate`, and
`gogooku judge` takes those of `evaluate` too. A run's name is the kind of its learner
with hyphens, `gogooku train atft-gat-fan`; with `--few-names` another set of defaults holds
([network.md](network.md#how-many-names)).
"""
_COLUMNS = "| setting | takes | default | meaning |\n|---|---|---|---|"


def settings_page() -> str:
    """The whole page."""
    groups: dict[str, dict[str, type[BaseModel]]] = {}
    parts = [_HEAD]
    for command, model in CONFIGS.items():
        if command in _SAME:
            continue
        parts.append(f"## gogooku {command}\n\n{_table(settings_of(model), groups)}")
    done: set[str] = set()
    while waiting := [path for path in groups if path not in done]:
        for path in waiting:
            done.add(path)
            for kind, model in groups[path].items():
                rows = _table(settings_of(model, f"{path}."), groups)
                parts.append(f"## `{path}.kind={kind}`\n\n{_first_line(model)}\n\n{rows}")
    return "\n".join(parts)


def _table(found: Iterator[Setting | Choice], groups: dict[str, dict[str, type[BaseModel]]]) -> str:
    rows = []
    for one in found:
        if isinstance(one, Choice):
            groups.setdefault(one.path, dict(one.kinds))
            kinds = ", ".join(one.kinds)
            rows.append((f"{one.path}.kind", f"one of {kinds}", one.default, "A section for each."))
        else:
            rows.append((one.path, one.takes, one.default, one.meaning))
    if not rows:
        return "No settings.\n"
    lines = (
        f"| `{path}` | {_cell(takes)} | {_cell(default) or 'must be stated'} | {_cell(meaning)} |"
        for path, takes, default, meaning in rows
    )
    return "\n".join([_COLUMNS, *lines, ""])


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
