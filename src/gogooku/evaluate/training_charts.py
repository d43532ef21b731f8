"""Charts of a training from its events: learning curves, gates, gradients and steps by epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gogooku.evaluate.svg import PALETTE, Figure, Series, number_ticks
from gogooku.evaluate.words import PLAIN, SHARE, Text, Unit, Words

Event = Mapping[str, Any]

_PARTS: Final = {"probe": Text("probe", "予備学習")}
"""What parts of a training are called."""
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
    gates = _by_part(fits, lambda one: one.get("gates", {}))
    made = {
        "training-rankic": _learning_curves(fits),
        "training-loss": _over_epochs(
            _curves(fits, [(Text("loss", "損失"), lambda one: one.get("loss"))]),
            y=Text("mean loss of a step", "1ステップの平均損失"),
        ),
        "training-gates": replace(
            _over_epochs(gates, y=Text("share let through", "通過させる割合"), unit=SHARE),
            y_range=(0.0, 1.02),
        ),
        "training-gradients": _over_epochs(
            _by_part(fits, lambda one: _reported(one, "gradient")),
            y=Text("gradient norm (no unit)", "勾配ノルム(単位なし)"),
            logarithmic=True,
        ),
        "training-updates": _over_epochs(
            _by_part(fits, lambda one: _reported(one, "update")),
            y=Text("step over weights (ratio)", "ステップと重みの比"),
            logarithmic=True,
        ),
    }
    return {key: one for key, one in made.items() if one.series}


def _fits(events: Sequence[Event]) -> dict[Text, list[Event]]:
    """Epochs of each fit in order, by what it is called; one that was done again counts once."""
    fits: dict[Text, dict[int, Event]] = {}
    refit: dict[int, bool] = {}
    for event in events:
        fold = int(event.get("fold", 0))
        if event.get("event") == "fold":
            refit[fold] = event.get("fitted_on") == "train and valid"
        if not isinstance(event.get("epoch"), int) or event.get("event") != "epoch":
            continue
        fits.setdefault(_called(event, fold, refit=refit.get(fold, False)), {})[event["epoch"]] = (
            event
        )
    return {
        name: [reported[epoch] for epoch in sorted(reported)] for name, reported in fits.items()
    }


def _called(event: Event, fold: int, *, refit: bool) -> Text:
    """What the fit of an event is called."""
    name = Text(f"fold {fold}", f"フォールド{fold}")
    if "member_seed" in event:
        place, seed = event.get("member_number", event["member"]), event["member_seed"]
        name = Text(
            f"{name.en}, member {place}, seed {seed}", f"{name.ja}、構成{place}、シード{seed}"
        )
    if "part" in event:
        part = _PARTS.get(str(event["part"]), Text(str(event["part"]), str(event["part"])))
        name = Text(f"{name.en}, {part.en}", f"{name.ja}、{part.ja}")
    return Text(f"{name.en}, refit", f"{name.ja}、再学習") if refit else name


def _reported(event: Event, what: str) -> dict[str, float]:
    return {part: float(reported[what]) for part, reported in event.get("parts", {}).items()}


@dataclass(frozen=True)
class _Curve:
    """Values by epoch, and how they are drawn."""

    name: Words
    values: Mapping[int, float]
    colour: int
    dash: str


def _mean_over_horizons(event: Event, name: str) -> float | None:
    values = list(event.get(name, {}).values())
    return float(np.mean(values)) if values else None


def _curves(
    fits: Mapping[Text, list[Event]],
    reported: Sequence[tuple[Text, Callable[[Event], float | None]]],
) -> list[_Curve]:
    """A curve of each number and fit; of the mean over fits where they are many."""
    curves = []
    for dash, (what, read) in zip(("solid", "dash"), reported, strict=False):
        rows = {
            name: {int(one["epoch"]): value for one in epochs if (value := read(one)) is not None}
            for name, epochs in fits.items()
        }
        rows = {name: row for name, row in rows.items() if row}
        if len(rows) > MOST_FITS:
            mean = Text(f"mean of {len(rows)} fits", f"{len(rows)}回の学習の平均")
            rows = {mean: _mean(rows.values())}
        for place, (name, row) in enumerate(rows.items()):
            several = len(reported) > 1 or len(rows) > 1
            label = Text(f"{name.en}: {what.en}", f"{name.ja}: {what.ja}") if several else what
            curves.append(_Curve(label, row, place % PALETTE, dash))
    return curves


def _mean(rows: Iterable[Mapping[int, float]]) -> dict[int, float]:
    """Mean of each epoch over the fits that came to it."""
    by_epoch: dict[int, list[float]] = {}
    for row in rows:
        for epoch, value in row.items():
            by_epoch.setdefault(epoch, []).append(value)
    return {epoch: float(np.mean(by_epoch[epoch])) for epoch in sorted(by_epoch)}


def _learning_curves(fits: Mapping[Text, list[Event]]) -> Figure:
    reported: list[tuple[Text, Callable[[Event], float | None]]] = [
        (Text("train", "訓練"), lambda one: _mean_over_horizons(one, "train_rank_ic")),
        (Text("validation", "検証"), lambda one: _mean_over_horizons(one, "rank_ic")),
    ]
    y = Text("RankIC, mean over horizons", "順位IC(全予測期間の平均)")
    return _over_epochs(_curves(fits, reported), y=y)


def _by_part(
    fits: Mapping[Text, list[Event]], read: Callable[[Event], Mapping[str, float]]
) -> list[_Curve]:
    """A curve of each part of the networks, the mean over fits."""
    parts = dict.fromkeys(part for epochs in fits.values() for one in epochs for part in read(one))
    curves = []
    for place, part in enumerate(parts):
        rows = [
            {int(one["epoch"]): read(one)[part] for one in epochs if part in read(one)}
            for epochs in fits.values()
        ]
        dash = "solid" if place < PALETTE else "dot"
        curves.append(_Curve(part, _mean(rows), place % PALETTE, dash))
    return curves


def _over_epochs(
    curves: Sequence[_Curve], *, y: Text, unit: Unit = PLAIN, logarithmic: bool = False
) -> Figure:
    epochs = sorted({epoch for curve in curves for epoch in curve.values})
    series = []
    for curve in curves:
        found = [curve.values.get(epoch) for epoch in epochs]
        shown = [one if one is None or one > 0 or not logarithmic else None for one in found]
        series.append(
            Series(name=curve.name, y=shown, colour=curve.colour, dash=curve.dash, shape="dots")
        )
    x = [float(epoch) for epoch in epochs]
    return Figure(
        x=x,
        x_texts=[Text(f"epoch {epoch}", f"エポック{epoch}") for epoch in epochs],
        ticks=number_ticks(x),
        series=series,
        y_label=y,
        x_label=Text("epoch", "エポック"),
        unit=unit,
        zero=False,
        logarithmic=logarithmic,
    )
