"""`gogooku features`: the catalogue."""

from __future__ import annotations

from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.features.aliases import resolve as new_name
from gogooku.features.catalogue import CATALOGUE, by_name, described


def features(name: str | None) -> Answer:
    """List every feature, or describe one; an old name will do.

    Raises
    ------
    ConfigError
        There is no such feature.
    """
    lines: list[object] = []
    if name is None:
        listed = [f for f in CATALOGUE if not f.name.startswith("_")]
        title = f"{len(listed)} features"
    else:
        listed = [by_name(new_name(name))]
        title = listed[0].name
        if title != name:
            lines.append(f"{name} is an old name; here it is {title}")
    rows = [(f.group, f.name, str(f.role), f.unit, f.lookback, f.meaning) for f in listed]
    columns = ["group", "name", "role", "unit", "sessions", "meaning"]
    return Answer(
        facts=[described(f) for f in listed],
        parts=[*lines, table(title, columns, rows)],
    )
