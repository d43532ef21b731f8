"""How much of a run's skill may be luck: its RankIC deflated by the tries on the same sessions."""

from __future__ import annotations

from pathlib import Path

from gogooku.core.metrics import number_or_none, ratio_estimate
from gogooku.evaluate.report_luck import Luck
from gogooku.evaluate.side_by_side import DEFLATED, deflated_ratio, overfitting_of
from gogooku.runs.comparison import tries_of
from gogooku.runs.folder import Run
from gogooku.runs.judge import Evaluation


def luck_of(home: Path, run: Run, judged: Evaluation, *, horizon: int) -> Luck:
    """What the ledger of trials makes of a run's RankIC.

    Parameters
    ----------
    horizon : int
        Whose RankIC is deflated.

    Raises
    ------
    ContractError
        The ledger of trials is that of other data.
    """
    windows = run.windows("test")
    tries = tries_of(
        home,
        run,
        min(low for low, _ in windows),
        max(high for _, high in windows),
        judged_by=str(judged.facts["variant"]),
    )
    mine = judged.daily.filter(horizon=horizon).drop_nulls(DEFLATED).sort("date")
    ratio = ratio_estimate(mine.get_column(DEFLATED).to_numpy(), horizon=horizon)
    deflated = deflated_ratio(ratio.value, ratio.error, tries, horizon, DEFLATED)
    overfitting, counted = overfitting_of(horizon, mine.select("date"), tries, DEFLATED)
    return Luck(
        tries=max(tries.count, 1),
        horizon=horizon,
        ratio=number_or_none(ratio.value),
        deflated=number_or_none(deflated),
        overfitting=number_or_none(overfitting),
        counted=counted,
    )
