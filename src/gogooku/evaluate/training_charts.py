"""Charts of a training from its events: learning curves, gates, gradients and steps by epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from gogooku.evaluate.charts import COLOURS, Figure, figure, line

Event = Mapping[str, Any]

MOST_FITS: Final = 4
"""Fits whose curves are drawn one by one; of more their mean is drawn."""


def training_charts(events: Sequence[Event]) -> dict[str, Figure]:
    """Learning curves of the fits, and what went on in the parts of their networks.

    Parameters
    ----------
    events : sequence of mappings
        Lines of ``events.jsonl``; epochs of a refit, which measure nothing, are left out of all
        but the loss.

    Returns
    -------
    dict of str to figure
        Only those for which something was reported.
    """
    fits = _fits(events)
    made = {
        "training-rankic": _learning_curves(fits),
        "training-loss": _over_epochs(
            _curves(fits, {"loss": lambda one: one.get("loss")}), y="mean loss of a step"
        ),
        "training-gates": _over_epochs(
            _by_part(fits, lambda one: one.get("gates", {})), y="share let through, 0 to 1"
        ),
        "training-gradients": _over_epochs(
            _by_part(fits, lambda one: _reported(one, "gradient")),
            y="gradient norm",
            logarithmic=True,
        ),
        "training-updates": _over_epochs(
            _by_part(fits, lambda one: _reported(one, "update")),
            y="step over weights",
            logarithmic=True,
        ),
    }
    made["training-gates"]["layout"]["yaxis"]["range"] = [0.0, 1.02]
    return {key: one for key, one in made.items() if one["data"]}


def _fits(events: Sequence[Event]) -> dict[str, list[Event]]:
    """Epochs of each fit in order, by what it is called; one that was done again counts once."""
    fits: dict[str, dict[int, Event]] = {}
    refit: dict[int, bool] = {}
    for event in events:
        fold = int(event.get("fold", 0))
        if event.get("event") == "fold":
            refit[fold] = event.get("fitted_on") == "train and valid"
        if not isinstance(event.get("epoch"), int) or event.get("event") != "epoch":
            continue
        name = f"fold {fold}"
        if "member_seed" in event:
            place = event.get("member_number", event["member"])
            name += f", member {place}, seed {event['member_seed']}"
        name += f", {event['part']}" if "part" in event else ""
        name += ", refit" if refit.get(fold) else ""
        fits.setdefault(name, {})[event["epoch"]] = event
    return {
        name: [reported[epoch] for epoch in sorted(reported)] for name, reported in fits.items()
    }


def _reported(event: Event, what: str) -> dict[str, float]:
    return {part: float(reported[what]) for part, reported in event.get("parts", {}).items()}


Curve = tuple[str, list[int], list[float], dict[str, Any]]
"""Name, epochs, values and style."""


def _mean_over_horizons(event: Event, name: str) -> float | None:
    values = list(event.get(name, {}).values())
    return float(np.mean(values)) if values else None


def _curves(
    fits: Mapping[str, list[Event]], reported: Mapping[str, Callable[[Event], float | None]]
) -> list[Curve]:
    """A curve of each number and fit; of the mean over fits where they are many."""
    dashes = ("solid", "dash")
    curves = []
    for dash, (what, read) in zip(dashes, reported.items(), strict=False):
        rows = {
            name: {int(one["epoch"]): value for one in epochs if (value := read(one)) is not None}
            for name, epochs in fits.items()
        }
        rows = {name: row for name, row in rows.items() if row}
        if len(rows) > MOST_FITS:
            rows = {f"mean of {len(rows)} fits": _mean(rows.values())}
        for place, (name, row) in enumerate(rows.items()):
            style = {"color": COLOURS[place % len(COLOURS)], "dash": dash, "width": 1.8}
            label = f"{name}: {what}" if len(reported) > 1 or len(rows) > 1 else what
            curves.append((label, list(row), list(row.values()), style))
    return curves


def _mean(rows: Iterable[Mapping[int, float]]) -> dict[int, float]:
    """Mean of each epoch over the fits that came to it."""
    by_epoch: dict[int, list[float]] = {}
    for row in rows:
        for epoch, value in row.items():
            by_epoch.setdefault(epoch, []).append(value)
    return {epoch: float(np.mean(by_epoch[epoch])) for epoch in sorted(by_epoch)}


def _learning_curves(fits: Mapping[str, list[Event]]) -> Figure:
    reported = {
        "train": lambda one: _mean_over_horizons(one, "train_rank_ic"),
        "validation": lambda one: _mean_over_horizons(one, "rank_ic"),
    }
    return _over_epochs(_curves(fits, reported), y="RankIC, mean over horizons")


def _by_part(
    fits: Mapping[str, list[Event]], read: Callable[[Event], Mapping[str, float]]
) -> list[Curve]:
    """A curve of each part of the networks, the mean over fits."""
    parts = dict.fromkeys(part for epochs in fits.values() for one in epochs for part in read(one))
    curves = []
    for place, part in enumerate(parts):
        rows = [
            {int(one["epoch"]): read(one)[part] for one in epochs if part in read(one)}
            for epochs in fits.values()
        ]
        mean = _mean(rows)
        dash = "solid" if place < len(COLOURS) else "dot"
        style = {"color": COLOURS[place % len(COLOURS)], "dash": dash, "width": 1.8}
        curves.append((part, list(mean), list(mean.values()), style))
    return curves


def _over_epochs(curves: Sequence[Curve], *, y: str, logarithmic: bool = False) -> Figure:
    data = []
    for name, epochs, values, style in curves:
        shown = [value if value > 0 or not logarithmic else None for value in values]
        mark = {"mode": "lines+markers", "marker": {"size": 5}}
        data.append({**line(name, list(epochs), list(shown), style), **mark})
    made = figure(data, y=y, x="epoch")
    longest = max((len(epochs) for _, epochs, _, _ in curves), default=1)
    made["layout"]["xaxis"]["dtick"] = max(1, -(-longest // 12))
    if logarithmic:
        made["layout"]["yaxis"] |= {"type": "log", "exponentformat": "power", "dtick": 1}
    return made
