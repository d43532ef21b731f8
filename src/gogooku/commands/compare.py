"""`gogooku compare`: runs side by side, on the sessions that they share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gogooku import pipeline
from gogooku.commands.again import Before, already
from gogooku.commands.answer import Answer
from gogooku.commands.arguments import language_given
from gogooku.commands.display import frame_table, table
from gogooku.core.config import resolve
from gogooku.core.errors import UsageError
from gogooku.core.files import storage_errors
from gogooku.evaluate.compare_page import ComparePage, render_comparison
from gogooku.evaluate.side_by_side import SideBySide
from gogooku.evaluate.words import Language, Text
from gogooku.runs.account_trials import deflated_words
from gogooku.runs.comparison import Comparison
from gogooku.runs.find import open_run
from gogooku.runs.judge import EVALUATION, JudgeConfig


@dataclass(frozen=True)
class Page:
    """An HTML file that is wanted, and whose texts it shows first."""

    place: Path
    language: Language


def page_wanted(place: Path | None, language: str | None) -> Page | None:
    """The page that ``--page`` and ``--language`` ask for; refused before anything is judged.

    Raises
    ------
    UsageError
        It cannot be written there, there is no such language, or a language without a page.
    """
    chosen = language_given(language, option="--language")
    if place is None:
        if language is not None:
            raise UsageError("--language is that of a page: give --page FILE too")
        return None
    if place.suffix != ".html":
        raise UsageError(f"--page {place}: the name must end in .html")
    if not place.parent.is_dir():
        raise UsageError(f"--page {place}: the folder {place.parent} does not exist")
    if place.is_dir():
        raise UsageError(f"--page {place}: is a folder")
    return Page(place, chosen)


def compare(
    home: Path,
    names: Sequence[str],
    *,
    metric: str,
    config: Path | None,
    assignments: Sequence[str],
    horizon: int | None = None,
    page: Page | None = None,
) -> Answer:
    """Compare runs with the first one, all judged alike, now where they were not yet.

    Parameters
    ----------
    metric : str
        A daily measure.
    horizon : int, optional
        What the sentence is about.
    page : Page, optional
        HTML file to write.

    Raises
    ------
    ConfigError
        A setting of the judging is wrong.
    UsageError, DataError
        One of them is not there, or as
        `gogooku.runs.comparison.compare`.
    StorageError
        The page cannot be written; what was there before is untouched.
    """
    resolved = resolve(JudgeConfig(), base_name=EVALUATION, file=config, assignments=assignments)
    runs = [open_run(home, name) for name in names]
    before = Before(run.folder for run in runs)
    made = pipeline.compare(home, runs, resolved, metric=metric, horizon=horizon)
    found = made.found
    judged = [pipeline.evaluate(home, run, resolved).folder for run in runs]
    there = [f"{already('judged')}; compared from what is kept"] if before.had(*judged) else []
    if page is not None:
        _write(page, made)
    return Answer(
        facts={
            **({} if page is None else {"page": str(page.place)}),
            **found.to_json(),
            **_facts(made),
        },
        parts=[
            made.sentence().en,
            *there,
            *(f"warning: {text.en}" for text in made.remarks),
            frame_table(f"{metric} on the sessions that all share", found.runs),
            frame_table(f"{metric}: run minus {found.first}, paired by session", found.differences),
            _many(found),
            *_accounts(made),
            *(() if page is None else (f"page: {page.place}",)),
        ],
    )


def _write(page: Page, made: Comparison) -> None:
    """Write the page whole or not at all."""
    kind = Text("Out of time", "アウトオブサンプル(学習より後の期間)")
    if not made.out_of_time:
        kind = Text("Cross-validation, not out of time", "交差検証(学習より後の期間ではない)")
    span = Text(
        "{kind} · {source} · {first} to {last}", "{kind}・{source}・{first}〜{last}"
    ).filled(
        kind=kind, source=made.facts["source"], first=made.facts["from"], last=made.facts["to"]
    )
    text = render_comparison(
        ComparePage(
            found=made.found,
            sentence=made.sentence(),
            kind=span,
            simulated=made.simulated,
            exchange=made.facts["exchange"],
            warnings=made.remarks,
            facts={**made.facts, **made.run_ids},
            language=page.language,
        )
    )
    temporary = page.place.with_name(f".{page.place.name}.tmp")
    with storage_errors(page.place):
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, page.place)


def _facts(made: Comparison) -> dict[str, Any]:
    """What is said of a comparison beside its figures."""
    return {
        "sentence": made.sentence().en,
        "out_of_time": made.out_of_time,
        "run_ids": dict(made.run_ids),
        "remarks": [text.en for text in made.remarks],
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
