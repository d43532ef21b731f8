"""What stays of a search beside its trials: ``result.json``, ``best.toml``, ``page.html``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gogooku.core.files import finite, write_json, write_point, write_text
from gogooku.core.metrics import number_or_none
from gogooku.evaluate.words import Language
from gogooku.ingest.source import Source
from gogooku.runs.newest import is_simulated
from gogooku.search.finals import Finalist, settings_of
from gogooku.search.folder import BEST_FILE, PAGE_FILE, RESULT_FILE
from gogooku.search.page import SearchPage, render_search
from gogooku.search.search import Found
from gogooku.search.sentences import sentence_of
from gogooku.search.settings import toml_text


def facts_of(found: Found) -> dict[str, Any]:
    """Everything that a search came to, as plain values; NaN becomes null."""
    finals, ground = found.finals, found.plan.ground
    states = [one.state for one in found.trials]
    facts = {
        "study": found.folder.name,
        "folder": str(found.folder),
        "dataset": ground.dataset.folder.name,
        "trials": len(found.trials),
        "states": {state: states.count(state) for state in sorted(set(states))},
        "folds": {"search": ground.num_folds, "unseen": len(ground.folds) - ground.num_folds},
        "shuffled": finals.shuffled,
        "sentence": sentence_of(ground, finals, trials=len(found.trials))._asdict(),
        "pick": _finalist(finals.pick),
        "default": _finalist(finals.default),
        "finalists": [_finalist(one) for one in finals.finalists],
        "unseen": finals.unseen,
        "seen": finals.seen,
        "luck": {name: _plain(value) for name, value in asdict(finals.luck).items()},
        "significant": finals.luck.sure,
        "neighbours": [
            {name: _plain(value) for name, value in asdict(one).items()}
            for one in finals.neighbours
        ],
        "importances": dict(found.importances),
        "settings": settings_of(ground, finals.pick),
        "every_trial": [{**asdict(one), "blocks": len(one.blocks)} for one in found.trials],
    }
    plain: dict[str, Any] = finite(facts)
    return plain


def _plain(value: Any) -> Any:
    return number_or_none(value) if isinstance(value, float) else value


def _finalist(one: Finalist) -> dict[str, Any]:
    return {"trial": one.number, "values": dict(one.values), **one.worth.to_json()}


def write_result(found: Found, *, source: Source | None, language: Language = Language.EN) -> None:
    """Write all three into the folder of the study; each is there whole or not at all.

    Parameters
    ----------
    source : Source or None
        Of the dataset: whether its prices are simulated.
    """
    ground, finals = found.plan.ground, found.finals
    sentence = sentence_of(ground, finals, trials=len(found.trials))
    manifest = ground.dataset.manifest
    page = SearchPage(
        name=found.folder.name,
        ground=ground,
        trials=found.trials,
        finals=finals,
        sentence=sentence,
        importances=found.importances,
        settings=found.plan.origins,
        simulated=is_simulated(str(manifest["source"]), source),
        exchange=str(manifest["exchange"]),
        language=language,
    )
    best = toml_text(
        settings_of(ground, finals.pick),
        remark=f"search {found.folder.name}, trial {finals.pick.number}\n{sentence.en}",
    )
    write_text(found.folder / BEST_FILE, best)
    write_text(found.folder / PAGE_FILE, render_search(page))
    write_json(found.folder / RESULT_FILE, facts_of(found))
    write_point("search.result")
