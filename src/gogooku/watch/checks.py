"""The checks of a publication: a measured value, its limit, and a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gogooku.watch import limits


@dataclass(frozen=True)
class Check:
    """A value that must not lie beyond its limit.

    Attributes
    ----------
    name : str
        A key of `gogooku.watch.metrics.CHECKS`.
    of : str
        Horizon, table or trait; empty where the check is about the whole.
    value, limit : float
    below : bool
        Whether it is what lies below the limit that fails, instead of above.
    says : str
        What is seen.
    """

    name: str
    of: str
    value: float
    limit: float
    below: bool
    says: str

    @property
    def failed(self) -> bool:
        """Whether the value is beyond the limit."""
        return self.value < self.limit if self.below else self.value > self.limit

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the verdict."""
        return {**vars(self), "failed": self.failed}


def score_checks(
    horizon: str, now: Mapping[str, Any], tested: Mapping[str, Any]
) -> Iterator[Check]:
    """Of the scores of one horizon, against what they were in testing.

    A measure that is not known, now or in testing, is not judged; of constant scores the ties and
    the spread are.
    """
    of = f"horizon {horizon}"
    usual = tested["names"]["mean"]
    if usual is not None:
        yield Check(
            "names",
            horizon,
            now["names"],
            limits.LEAST_NAMES * usual,
            below=True,
            says=f"{of}: {now['names']:,.0f} names scored, {usual:,.0f} in testing",
        )
    if _known(now["tied"], tested["tied"]["high"]):
        limit = tested["tied"]["high"] + limits.MORE_TIES
        yield Check(
            "tied",
            horizon,
            now["tied"],
            limit,
            below=False,
            says=f"{of}: {now['tied']:.1%} of the names share their score with another",
        )
    if _known(now["spread"], tested["spread"]["low"]):
        limit = limits.LEAST_SPREAD * tested["spread"]["low"]
        yield Check(
            "spread",
            horizon,
            now["spread"],
            limit,
            below=True,
            says=f"{of}: spread of the scores {now['spread']:.3g}, "
            f"{tested['spread']['mean']:.3g} in testing",
        )
    if _known(now["autocorrelation"], tested["autocorrelation"]["low"]):
        value, of_test = now["autocorrelation"], tested["autocorrelation"]
        says = f"{of}: rank correlation with the session before {value:.3f}, "
        says += f"{of_test['low']:.3f} to {of_test['high']:.3f} in testing"
        lowest = of_test["low"] - limits.LOWER_AUTOCORRELATION
        yield Check("autocorrelation", horizon, value, lowest, below=True, says=says)
        highest = max(limits.FROZEN, of_test["high"])
        yield Check("frozen", horizon, value, highest, below=False, says=says)
    if _known(now["overlap"], tested["overlap"]["low"]):
        new = 1.0 - now["overlap"]
        limit = 1.0 - tested["overlap"]["low"] + limits.MORE_TURNOVER
        yield Check(
            "turnover",
            horizon,
            new,
            limit,
            below=False,
            says=f"{of}: {new:.0%} of the top names are new, "
            f"{1.0 - tested['overlap']['mean']:.0%} on a usual session",
        )


def _known(*values: float | None) -> bool:
    return all(value is not None for value in values)


def table_checks(tables: Sequence[Mapping[str, Any]]) -> Iterator[Check]:
    """Of tables, see `gogooku.watch.tables.TableState`."""
    for one in tables:
        name = one["table"]
        yield Check(
            "late",
            name,
            one["late_sessions"],
            0.0,
            below=False,
            says=f"{name}: newest row is of {one['newest']}, expected {one['expected']}",
        )
        if one["coverage"] is not None:
            yield Check(
                "coverage",
                name,
                one["coverage"],
                limits.LEAST_COVERAGE,
                below=True,
                says=f"{name}: {one['rows']:,} rows, never fewer than {one['rows_least']:,} before",
            )


def drift_checks(drift: Mapping[str, Any], nulls: Mapping[str, Any]) -> Iterator[Check]:
    """Of features, see `gogooku.watch.drift`."""
    worst = ", ".join(one["feature"] for one in drift["worst"][:3])
    if drift["judged"]:
        share = drift["drifted"] / drift["judged"]
        yield Check(
            "drifted",
            "",
            share,
            limits.MOST_DRIFTED,
            below=False,
            says=f"{drift['drifted']:,} of {drift['judged']:,} features are further from the "
            f"training than its sessions and chance explain; worst {worst}",
        )
    if drift["most_times"] is not None:
        first = drift["worst"][0]
        yield Check(
            "drift_most",
            "",
            drift["most_times"],
            limits.MOST_TIMES,
            below=False,
            says=f"{first['feature']}: stability index {first['stability']:.2f}, at most "
            f"{first['usual']:.2f} without drift",
        )
    named = ", ".join(one["feature"] for one in nulls["worst"][:3]) or "none"
    share = nulls["grown"] / max(1, nulls["features"])
    yield Check(
        "nulls",
        "",
        share,
        limits.MOST_WITH_NULLS,
        below=False,
        says=f"{nulls['grown']:,} of {nulls['features']:,} features have more nulls than in "
        f"training: {named}",
    )


def exposure_checks(exposure: Mapping[str, Any]) -> Iterator[Check]:
    """Of the top names, see `gogooku.watch.exposure`."""
    first = exposure["sectors"][0]
    yield Check(
        "sector",
        "",
        first["active"],
        limits.MOST_IN_A_SECTOR,
        below=False,
        says=f"{first['top']:.0%} of the top names are in {first['sector']}, "
        f"{first['universe']:.0%} of the universe",
    )
    for trait, value in exposure["traits"].items():
        if value is not None:
            yield Check(
                "exposure",
                trait,
                abs(value),
                limits.MOST_EXPOSED,
                below=False,
                says=f"{trait} of the top names is {value:+.2f} standard deviations from the "
                "universe",
            )
