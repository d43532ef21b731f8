"""`gogooku audit`: facts for programs and tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from gogooku.audit.findings import Finding
from gogooku.audit.run import PAGE_FILE, audit
from gogooku.commands.display import table
from gogooku.core.config import Execution
from gogooku.core.errors import UsageError
from gogooku.core.progress import Reporter
from gogooku.dataset.home import current_dataset

_SHOWN = 40
_IN_ERROR = 5
_FACTS = (
    ("sessions", "sessions"),
    ("codes", "names"),
    ("names_that_left", "of them left"),
    ("features", "features"),
    ("effective_rank", "effective rank (entropy of the eigenvalues)"),
    ("participation_ratio", "participation ratio"),
    ("largest_mean_ic", "largest mean RankIC of one feature"),
    ("look_ahead_sessions", "sessions computed again"),
)


@dataclass(frozen=True)
class Shown:
    """What the command has to say, and the sentence of its findings (empty: none)."""

    facts: dict[str, Any]
    tables: Sequence[Table]
    page: Path
    failed: str


def run_audit(
    home: Path,
    dataset: str | None,
    *,
    dates: int,
    seed: int,
    execution: Execution,
    reporter: Reporter,
) -> Shown:
    """Audit a dataset and present it.

    Raises
    ------
    UsageError
        A negative number of dates.
    DataError
        There is no such dataset.
    """
    if dates < 0:
        raise UsageError(f"--dates {dates}: expected 0 (no rebuild) or more")
    made, folder = audit(
        home,
        current_dataset(home, dataset),
        dates=dates,
        seed=seed,
        execution=execution,
        reporter=reporter,
    )
    page = folder / PAGE_FILE
    rows = [(str(one.check), str(one)) for one in made.findings[:_SHOWN]]
    facts = [(words, _text(made.facts.get(name))) for name, words in _FACTS]
    tables = [table(f"audit of {made.dataset}", ["", ""], facts)]
    if rows:
        title = f"{len(made.findings)} finding(s)"
        tables.append(table(title, ["check", "what"], rows))
    return Shown(
        facts={**made.to_json(), "page": str(page)},
        tables=tables,
        page=page,
        failed=_sentence(made.findings),
    )


def _text(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def _sentence(findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    more = f"; and {len(findings) - _IN_ERROR} more" if len(findings) > _IN_ERROR else ""
    return f"audit: {len(findings)} finding(s): " + "; ".join(map(str, findings[:_IN_ERROR])) + more
