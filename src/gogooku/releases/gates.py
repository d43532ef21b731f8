"""The gates of a release: what a bundle must pass before it is published and served.

A row of `GATES` is a name and the function that judges. `judge` tries all of them and stops at
none, but where files are damaged or nothing is scored that is traded: what would be read then means
nothing. A bundle that is only
scored beside the one in service has to pass the gates without which it could not be scored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gogooku.core.errors import UsageError
from gogooku.core.findings import did_you_mean, short
from gogooku.releases import gates_of_origin as origin
from gogooku.releases import gates_of_scores as scores
from gogooku.releases import gates_of_skill as skill
from gogooku.releases.candidacy import Candidacy
from gogooku.releases.verdicts import Verdict

WHOLE: Final = "whole"
HORIZONS: Final = "horizons"
REPRODUCIBLE: Final = "reproducible"


@dataclass(frozen=True)
class Gate:
    """One gate.

    Attributes
    ----------
    check : callable
        From the candidacy and the name of the gate to a verdict.
    reads_dataset : bool
        Whether it needs the dataset that the run was fitted on.
    shadows : bool
        Whether a shadow has to pass it, too.
    """

    check: Callable[[Candidacy, str], Verdict]
    reads_dataset: bool = False
    shadows: bool = False


GATES: Final[Mapping[str, Gate]] = {
    WHOLE: Gate(origin.whole, shadows=True),
    HORIZONS: Gate(skill.horizons, shadows=True),
    "contract": Gate(origin.contract, shadows=True),
    REPRODUCIBLE: Gate(origin.reproducible, reads_dataset=True),
    "look_ahead": Gate(origin.no_look_ahead, reads_dataset=True),
    "leak": Gate(skill.leak),
    "spread": Gate(scores.spread),
    "ties": Gate(scores.ties),
    "turnover": Gate(scores.turnover),
    "paired": Gate(skill.paired, reads_dataset=True),
    "tested": Gate(skill.tested),
    "deflated": Gate(skill.deflated),
}
"""Every gate by its name, in the order in which they are tried and shown."""


def judge(candidacy: Candidacy, *, shadow: bool = False) -> list[Verdict]:
    """Try the gates of a release, or those of a shadow.

    Where the dataset of the run is gone, changed or damaged, the run cannot be made again: that is
    a refusal of `reproducible`, and gates that read the dataset are not tried.
    """
    rows = {name: row for name, row in GATES.items() if row.shadows or not shadow}
    found: list[Verdict] = []
    for name in (WHOLE, HORIZONS):
        found.append(rows.pop(name).check(candidacy, name))
        if found[-1].refused:
            return found
    lost = None if shadow else origin.data_lost(candidacy, REPRODUCIBLE)
    for name, row in rows.items():
        if lost is not None and name == REPRODUCIBLE:
            found.append(lost)
        elif lost is None or not row.reads_dataset:
            found.append(row.check(candidacy, name))
    return found


def require_gates(accepted: Sequence[str], *, why: str) -> None:
    """Refuse to accept what is no gate, and to accept anything without saying why.

    Raises
    ------
    UsageError
    """
    for name in accepted:
        if name not in GATES:
            raise UsageError(
                f"--accept {short(name)}: no such gate{did_you_mean(name, list(GATES))}"
            )
    if accepted and not why.strip():
        raise UsageError("--accept: say why with --why; it is kept in the history")
