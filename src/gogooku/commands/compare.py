"""`gogooku compare`: runs side by side, on the sessions that they share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.commands.display import frame_table, table
from gogooku.core.config import resolve
from gogooku.core.errors import UsageError
from gogooku.core.files import storage_errors
from gogooku.evaluate.compare_page import ComparePage, render_comparison
from gogooku.evaluate.side_by_side import SideBySide
from gogooku.runs.account_trials import deflated_words
from gogooku.runs.comparison import Comparison
from gogooku.runs.comparison import compare as put_side_by_side
from gogooku.runs.find import open_run
from gogooku.runs.holdouts import refuse_unspent
from gogooku.runs.judge import EVALUATION, JudgeConfig


def compare(
    home: Path,
    names: Sequence[str],
    *,
    metric: str,
    config: Path | None,
    assignments: Sequence[str],
    horizon: int | None = None,
    page: Path | None = None,
) -> Answer:
    """Compare runs with the first one, all judged alike, now where they were not yet.

    Parameters
    ----------
    metric : str
        A daily measure.
    horizon : int, optional
        What the sentence is about.
    page : Path, optional
        HTML file to write; its folder must be there.

    Raises
    ------
    ConfigError
        A setting of the judging is wrong.
    UsageError, DataError
        One of them is not there, there is no folder for the page, or as
        `gogooku.runs.comparison.compare`.
    StorageError
        The page cannot be written; what was there before is untouched.
    """
    _require_place(page)
    resolved = resolve(JudgeConfig(), base_name=EVALUATION, file=config, assignments=assignments)
    runs = [open_run(home, name) for name in names]
    for run in runs:
        refuse_unspent(home, run)
    judged = {run.run_id: (run, pipeline.evaluate(home, run, resolved)) for run in runs}
    made = put_side_by_side(home, judged, metric=metric, horizon=horizon)
    found = made.found
    if page is not None:
        _write(page, made)
    return Answer(
        facts={
            **({} if page is None else {"page": str(page)}),
            **found.to_json(),
            **_facts(made),
        },
        parts=[
            made.sentence(),
            *(f"warning: {text}" for text in made.remarks),
            frame_table(f"{metric} on the sessions that all share", found.runs),
            frame_table(f"{metric}: run minus {found.first}, paired by session", found.differences),
            _many(found),
            *_accounts(made),
            *(() if page is None else (f"page: {page}",)),
        ],
    )


def _require_place(page: Path | None) -> None:
    """Refuse a page that cannot be written before anything is judged."""
    if page is None:
        return
    if page.suffix != ".html":
        raise UsageError(f"--page {page}: the name must end in .html")
    if not page.parent.is_dir():
        raise UsageError(f"--page {page}: the folder {page.parent} does not exist")
    if page.is_dir():
        raise UsageError(f"--page {page}: is a folder")


def _write(page: Path, made: Comparison) -> None:
    """Write the page whole or not at all."""
    kind = "Out of time" if made.out_of_time else "Cross-validation, not out of time"
    text = render_comparison(
        ComparePage(
            found=made.found,
            sentence=made.sentence(),
            badge=f"{kind} · {made.facts['source']} · {made.facts['from']} to {made.facts['to']}",
            warnings=made.remarks,
            facts={**made.facts, **made.run_ids},
        )
    )
    temporary = page.with_name(f".{page.name}.tmp")
    with storage_errors(page):
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, page)


def _facts(made: Comparison) -> dict[str, Any]:
    """What is said of a comparison beside its figures."""
    return {
        "sentence": made.sentence(),
        "out_of_time": made.out_of_time,
        "run_ids": dict(made.run_ids),
        "remarks": list(made.remarks),
        "accounts": [dict(one) for one in made.accounts],
        **made.facts,
    }


def _accounts(made: Comparison) -> list[str]:
    """What is left of each run's newest account after all tries, a line each."""
    return [f"{one['run']}, {one['backtest']}: {deflated_words(one)}" for one in made.accounts]


def _many(found: SideBySide) -> object:
    """What tests over all runs and all tries say, a row a horizon."""
    rows = [
        [horizon, one.n, one.superior, ", ".join(one.better), one.overfitting, one.tries]
        for horizon, one in found.at.items()
    ]
    columns = [
        *("horizon", "sessions", "p: none is better", "better"),
        *("P(overfitting)", "tries in it"),
    ]
    return table(f"all runs against {found.first}, and all tries", columns, rows)
