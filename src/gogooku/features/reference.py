"""The feature reference, written from the catalogue: ``python -m gogooku.features.reference``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from gogooku.core.types import Feature
from gogooku.features.aliases import ALIASES, aliases_of
from gogooku.features.catalogue import BASIC, CATALOGUE, base_inputs

PAGE = Path("docs/features.md")
COMMAND = "python -m gogooku.features.reference"

_HEAD = f"""# Features

<!-- Written by `{COMMAND}`; a test compares. Do not edit. -->

{{count}} features. A value of session *d* is known on the evening of *d* and is a function of that
name's, or that market's, last *sessions* sessions; null where too many of them are missing. `basic`
marks the smaller named set (`features=basic`). Names of one session are compared within the
universe only. What *needs* says is what the source must deliver; without it the feature is absent,
and the build says so. Prices and volumes are adjusted forward.

Units: `return` and `ratio` are decimals, `log` is a natural logarithm, `z` is in standard
deviations, `share` lies in 0 to 1, `flag` is 0 or 1, `sessions` is a count. In the training tensor
a stock feature is its rank within the session's universe in [-0.5, 0.5] (a `z` is z/4 clipped to
[-1, 1]; a mask stays 0 or 1; null is -0.0, which counts as 0); a market feature is context in its
own unit.
"""
_OLD_NAMES = """## Old names: {count}

Names of the earlier system that say the same thing: the same quantity, or one that orders the names
of a session alike. They are not columns; `gogooku features NAME` takes them.

{rows}
"""
_COLUMNS = (
    "| feature | set | role | unit | sessions | needs | meaning |\n|---|---|---|---|---|---|---|"
)


def feature_page() -> str:
    """The whole page as Markdown."""
    listed = [f for f in CATALOGUE if not f.name.startswith("_")]
    groups = dict.fromkeys(f.group for f in listed)
    parts = [_HEAD.format(count=len(listed))]
    parts += [_section(group, [f for f in listed if f.group == group]) for group in groups]
    parts.append(_old_names([f.name for f in listed]))
    return "\n".join(parts)


def _old_names(names: Sequence[str]) -> str:
    known = {name: aliases_of(name) for name in names}
    rows = [
        f"- `{name}`: {', '.join(f'`{old}`' for old in olds)}"
        for name, olds in known.items()
        if olds
    ]
    return _OLD_NAMES.format(count=len(ALIASES), rows="\n".join(rows))


def _section(group: str, features: Sequence[Feature]) -> str:
    rows = "\n".join(_row(feature) for feature in features)
    return f"## {group}: {len(features)}\n\n{_COLUMNS}\n{rows}\n"


def _row(feature: Feature) -> str:
    cells = (
        f"`{feature.name}`",
        "basic" if feature.name in BASIC else "",
        str(feature.role),
        feature.unit,
        str(feature.lookback),
        ", ".join(sorted(base_inputs(feature))),
        feature.meaning.replace("|", "\\|"),
    )
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str]) -> None:
    """Write the page, to the first argument or to `PAGE`."""
    place = Path(arguments[0]) if arguments else PAGE
    place.write_text(feature_page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
