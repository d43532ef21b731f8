"""Survivorship: names that left the exchange are there until they left, and so are their labels."""

from __future__ import annotations

import numpy as np

from gogooku.audit.findings import Check, Checked, Finding
from gogooku.core.types import OUTCOMES, BoolArray, Dataset, IntArray, Labels, Outcome
from gogooku.dataset.home import read_bars

_LONG_SESSIONS = 490
_MANY_NAMES = 300
_MIN_LEAVERS = 20
_LEAST_RATE = 0.2
"""Leavers are smaller and trade less than others; none of them in the universe is another thing."""


def check_survival(dataset: Dataset, labels: Labels) -> Checked:
    """Look for what a list of today's survivors would look like.

    What the source itself is known to be biased by is a fact, shown with every result.
    """
    listed_TN: BoolArray = np.asarray(read_bars(dataset)["listed"]).astype(bool)
    count = len(dataset.sessions)
    ever = listed_TN.any(axis=0)
    last = np.where(ever, count - 1 - np.argmax(listed_TN[::-1], axis=0), -1)
    left = ever & (last < count - 1)
    member = np.asarray(np.any(dataset.valid_TN, axis=0), dtype=bool)
    found = []
    said = dataset.manifest.get("known_bias", ())
    if not left.any() and not said and count > _LONG_SESSIONS and int(ever.sum()) > _MANY_NAMES:
        found.append(
            Finding(
                check=Check.SURVIVAL,
                what=f"none of {int(ever.sum())} names ever leaves in {count} sessions: the source "
                "lists today's survivors only",
                value=0.0,
                limit=1.0,
            )
        )
    found += _rates(left, ever & ~left, member)
    found += _terminal(dataset, labels, last, left)
    facts = {
        "known_bias": list(said),
        "names": int(ever.sum()),
        "names_that_left": int(left.sum()),
        "members_that_left": int((left & member).sum()),
        "delisted_labels": int((labels.outcome_TNH[:, :, -1] == _DELISTED).sum()),
    }
    return Checked(found, facts)


_DELISTED, _NO_ENTRY = OUTCOMES.index(Outcome.DELISTED), OUTCOMES.index(Outcome.NO_ENTRY)


def _rates(left: BoolArray, stayed: BoolArray, member: BoolArray) -> list[Finding]:
    if left.sum() < _MIN_LEAVERS or not stayed.any():
        return []
    rate, usual = float(member[left].mean()), float(member[stayed].mean())
    if rate >= _LEAST_RATE * usual:
        return []
    return [
        Finding(
            check=Check.SURVIVAL,
            what=f"{rate:.1%} of the {int(left.sum())} names that left were ever in the universe, "
            f"{usual:.1%} of the others: names that will leave are left out in advance",
            value=rate,
            limit=_LEAST_RATE * usual,
        )
    ]


def _terminal(dataset: Dataset, labels: Labels, last: IntArray, left: BoolArray) -> list[Finding]:
    """Labels of the sessions just before a name leaves: its terminal value, never null."""
    found = []
    for h, horizon in enumerate(labels.horizons):
        outcome_TN = labels.outcome_TNH[:, :, h]
        gone_TN = outcome_TN == _DELISTED
        null = int((gone_TN & ~np.isfinite(labels.raw_TNH[:, :, h])).sum())
        if null:
            found.append(
                Finding(
                    check=Check.SURVIVAL,
                    what=f"{null} labels of names that left are null at horizon {horizon}: they "
                    "have a terminal value",
                    value=float(null),
                    limit=0.0,
                )
            )
        # entered two sessions before the last one at the latest, so that there was an open
        leaving = [
            (int(t), int(n))
            for n in np.flatnonzero(left)
            for t in range(max(int(last[n]) - horizon, 0), int(last[n]) - 1)
            if dataset.valid_TN[t, n] and t + 1 + horizon < len(dataset.sessions)
            if outcome_TN[t, n] != _NO_ENTRY
        ]
        if len(leaving) >= _MIN_LEAVERS and not gone_TN.any():
            found.append(
                Finding(
                    check=Check.SURVIVAL,
                    what=f"no label ends with a delisting at horizon {horizon}, though "
                    f"{len(leaving)} members left within it",
                    value=0.0,
                    limit=1.0,
                )
            )
    return found
