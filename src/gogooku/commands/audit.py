"""`gogooku audit`: what is wrong with a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gogooku.audit.findings import Finding
from gogooku.audit.run import PAGE_FILE
from gogooku.audit.run import audit as check
from gogooku.commands.answer import Answer
from gogooku.commands.display import bias_lines, table
from gogooku.core.config import Execution
from gogooku.core.errors import FindingError
from gogooku.core.progress import Reporter
from gogooku.dataset.home import current_dataset

_SHOWN = 40
_FACTS = (
    ("sessions", "sessions"),
    ("codes", "names"),
    ("names_that_left", "delisted names"),
    ("features", "features"),
    ("effective_rank", "effective rank (entropy of the eigenvalues)"),
    ("participation_ratio", "participation ratio"),
    ("largest_mean_ic", "largest mean RankIC of one feature"),
    ("look_ahead_sessions", "sessions computed again"),
)


def audit(
    home: Path,
    dataset: str | None,
    *,
    dates: int,
    seed: int,
    execution: Execution,
    reporter: Reporter,
) -> Answer:
    """Audit a dataset; what it finds is a failure.

    Raises
    ------
    DataError
        There is no such dataset.
    """
    made, folder = check(
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
    parts: list[object] = [table(f"audit of {made.dataset}", ["", ""], facts)]
    if rows:
        parts.append(table(_counted(made.findings), ["check", "what"], rows))
    parts += [*bias_lines(made.facts), f"page: {page}"]
    return Answer(
        facts={**made.to_json(), "page": str(page)},
        parts=parts,
        failure=_failure(made.findings, page),
    )


def _text(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def _counted(findings: Sequence[Finding]) -> str:
    return "1 finding" if len(findings) == 1 else f"{len(findings)} findings"


def _failure(findings: Sequence[Finding], page: Path) -> FindingError | None:
    if not findings:
        return None
    return FindingError(f"audit: {_counted(findings)}; see {page}")
