"""Cautions about a judged run, from everything that it and its dataset say."""

from __future__ import annotations

import numpy as np
import polars as pl

from gogooku.core.forecast import Scores
from gogooku.core.stamp import CONFIG_FILE
from gogooku.core.types import Dataset, IntArray
from gogooku.dataset.reading import files_of
from gogooku.evaluate import cautions
from gogooku.evaluate.cautions import Caution, sorted_by_severity
from gogooku.evaluate.definitions import definition_of
from gogooku.evaluate.skill import Skill
from gogooku.runs.folder import Run, bias_of
from gogooku.runs.groups import ILLIQUID

_FLOOR = "min_traded_value"


def cautions_of(
    run: Run,
    dataset: Dataset,
    judged: tuple[IntArray, Scores],
    skill: Skill,
    breakdown: pl.DataFrame,
) -> list[Caution]:
    """What may be wrong with the result of a run, the gravest first.

    Parameters
    ----------
    run : Run
    dataset : Dataset
    judged : (int64 [t], float32 [t, N, H])
        Sessions and scores of the test part.
    skill : Skill
        Of those.
    breakdown : polars.DataFrame
        Where its skill lies.
    """
    indices, scores = judged
    facts, dates = skill.report.facts, dataset.sessions[indices]
    names = float(np.median(skill.daily.get_column("num_names").to_numpy()))
    floor = files_of(dataset).json(CONFIG_FILE)[f"universe.{_FLOOR}"]["value"]
    exchange, currency = (str(dataset.manifest[key]) for key in ("exchange", "currency"))
    found = [
        *cautions.negative_skill(skill.daily),
        *cautions.only_illiquid(breakdown, illiquid=ILLIQUID),
        *_single_days(skill),
        *cautions.few_folds(len(run.manifest["folds"]), len(indices)),
        *cautions.large_k(int(facts["top_k"]), names, asked=facts.get("top_k_asked")),
        *cautions.other_currency(exchange, currency, {_FLOOR: float(floor)}),
        *cautions.known_bias(bias_of(dataset)["known_bias"]),
        *cautions.partial_days(dates, np.isfinite(scores).any(axis=2).sum(axis=1)),
        *cautions.score_plateau(scores, run.horizons),
        *cautions.cap_hit(run.events),
    ]
    return sorted_by_severity(found)


def _single_days(skill: Skill) -> list[Caution]:
    """Days that make the RankIC or the excess of the top K of a horizon."""
    found: list[Caution] = []
    measures = ("rank_ic", f"top_{skill.report.facts['top_k']}_bps")
    for (horizon,), part in skill.daily.group_by("horizon", maintain_order=True):
        dates = part.get_column("date").to_numpy().astype("datetime64[D]")
        for measure in measures:
            defined = definition_of(measure)
            what = f"{defined.label_en} at horizon {horizon}"
            series = part.get_column(measure).cast(pl.Float64).to_numpy()
            found += cautions.one_day(what, dates, series, unit=defined.unit)
    return found
