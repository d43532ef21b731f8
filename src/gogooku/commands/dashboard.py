"""`gogooku dashboard`: the page that the server shows, as one file."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gogooku.commands.answer import Answer
from gogooku.core.errors import UsageError
from gogooku.core.files import write_text
from gogooku.core.wall import WallClock
from gogooku.dashboard.page import render_dashboard
from gogooku.evaluate.words import Language
from gogooku.serve.dashboard import shown_of
from gogooku.serve.publications import Followed, only_source
from gogooku.serve.standing import standing

FILE: Final = "dashboard.html"


@dataclass(frozen=True)
class Asked:
    """Which page is wanted, and where.

    Attributes
    ----------
    source : str or None
        The only one that has a release by default.
    output : Path or None
        The file; ``dashboard.html`` of the home by default.
    language : Language
        In which it opens.
    opened : bool
        Whether the browser of this machine shows it.
    """

    source: str | None = None
    output: Path | None = None
    language: Language = Language.EN
    opened: bool = False


def dashboard(home: Path, asked: Asked, *, clock: WallClock) -> Answer:
    """Write the page of what is published, and say where it is and what is wrong.

    Raises
    ------
    UsageError
        No source has a release, or several have; or the file cannot be there.
    DataError
        There is no publication, or everything that could be shown is damaged.
    StorageError
        The file cannot be written.
    """
    place = _place(home, asked.output)
    source = asked.source or only_source(home, command="dashboard")
    held = Followed(home, source, clock).load()
    now = standing(
        held.newest.session,
        exchange=held.exchange,
        clock=held.clock,
        now=clock.now(),
        stale=held.behind,
    )
    write_text(place, render_dashboard(shown_of(held, now), language=asked.language))
    if asked.opened:
        webbrowser.open(place.absolute().as_uri())
    said = [f"problem: {now.why}"] if now.why else []
    return Answer(
        facts={
            "dashboard": str(place),
            **held.newest.head(),
            "source": source,
            "why": now.why or None,
        },
        parts=[*said, f"dashboard: {place}"],
    )


def _place(home: Path, output: Path | None) -> Path:
    if output is None:
        return home / FILE
    if output.suffix != ".html":
        raise UsageError(f"--out {output}: the name must end in .html")
    if not output.parent.is_dir():
        raise UsageError(f"--out {output}: the folder {output.parent} does not exist")
    if output.is_dir():
        raise UsageError(f"--out {output}: is a folder")
    return output
