"""Where searches are kept, and what their files are called; loads no library."""

from __future__ import annotations

from pathlib import Path

JOURNAL_FILE = "journal.log"
"""The trials, in Optuna's format."""
SPACE_FILE = "space.json"
RESULT_FILE, BEST_FILE, PAGE_FILE = "result.json", "best.toml", "page.html"
"""What a search leaves once its pick was judged."""


def studies_folder(home: Path) -> Path:
    """Where studies live, one folder each."""
    return home / "studies"


def files_of(folder: Path) -> dict[str, str]:
    """Paths of what a finished search leaves, by what it is."""
    return {
        "best": str(folder / BEST_FILE),
        "page": str(folder / PAGE_FILE),
        "result": str(folder / RESULT_FILE),
    }
