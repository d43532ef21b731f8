"""Charts of skill and money, as figures for `gogooku.evaluate.svg`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl

from gogooku.core.metrics import Z95, FloatArray
from gogooku.evaluate.breakdown import ROLLING_WINDOWS
from gogooku.evaluate.over_time import excess_growth
from gogooku.evaluate.svg import MOST_POINTS, Figure, Series, dated, even_places
from gogooku.evaluate.words import (
    BASIS_POINTS,
    CORRELATION,
    COUNT,
    MINUS,
    RETURN,
    SHARE,
    Text,
    Unit,
    Words,
    sessions,
)

SESSION = Text("session", "営業日")
ROLLING = ROLLING_WINDOWS[0]
"""Sessions of the rolling mean that is drawn: a quarter."""
_GROWTH = Unit(digits=3)
_BINS = 40


def of_horizon(horizon: int) -> Text:
    """A horizon as a label."""
    return sessions(horizon)


def cumulative_rank_ic(daily: pl.DataFrame) -> Figure:
    """Running sum of daily RankIC; dashed, where the truth is known, of the attainable."""
    days = _days(daily)
    series = []
    for place, horizon in enumerate(horizons_of(daily)):
        frame = on_days(daily.filter(horizon=horizon), days)
        lines = [("rank_ic", of_horizon(horizon), "solid")]
        if "attainable" in frame.columns and frame.get_column("attainable").count():
            text = Text("{name}, attainable", "{name}・達成可能").filled(name=of_horizon(horizon))
            lines.append(("attainable", text, "dash"))
        for column, name, dash in lines:
            series.append(
                Series(name=name, y=_summed(frame.get_column(column)), colour=place, dash=dash)
            )
    return _over_days(days, series, y=Text("sum of daily RankIC", "日次順位ICの累計"),
                      unit=Unit(digits=2))  # fmt: skip


def rolling_rank_ic(rolling: pl.DataFrame, daily: pl.DataFrame, horizon: int) -> Figure:
    """Mean RankIC of the last quarter with its band, at one horizon.

    Parameters
    ----------
    rolling : polars.DataFrame
        `gogooku.evaluate.breakdown.ROLLING_SCHEMA`.
    daily : polars.DataFrame
        With the sessions of the axis.
    """
    days = _days(daily)
    mine = on_days(rolling.filter(horizon=horizon, window=ROLLING), days)
    mean, low, high = (mine.get_column(name).to_list() for name in ("value", "low", "high"))
    name = Text(f"mean of {ROLLING} sessions", f"{ROLLING}営業日の平均")
    line = Series(name=name, y=mean, low=low, high=high, band=True)
    return _over_days(days, [line], y=Text("RankIC", "順位IC"), unit=CORRELATION)


def decay_lines(decay: pl.DataFrame) -> Figure:
    """RankIC of scores that are used late, by how many sessions late, a line a horizon.

    Parameters
    ----------
    decay : polars.DataFrame
        `gogooku.evaluate.skill.Skill.decay`.
    """
    late = decay.filter(kind="lag").sort("step")
    steps: list[int] = late.get_column("step").unique().sort().to_list()
    axis = pl.DataFrame({"step": pl.Series(steps, dtype=pl.Int32)})
    series = []
    for place, horizon in enumerate(horizons_of(late)):
        mine = axis.join(late.filter(horizon=horizon), on="step", how="left", maintain_order="left")
        half = mine.get_column("error").cast(pl.Float64) * Z95
        value = mine.get_column("value").cast(pl.Float64)
        series.append(
            Series(
                name=of_horizon(horizon),
                y=value.to_list(),
                low=(value - half).to_list(),
                high=(value + half).to_list(),
                colour=place,
                shape="dots",
            )
        )
    return Figure(
        x=[float(step) for step in steps],
        x_texts=[Text(f"{step} late", f"{step}営業日遅れ") for step in steps],
        ticks=[(float(step), str(step)) for step in steps],
        series=series,
        y_label=Text("RankIC", "順位IC"),
        x_label=Text("sessions late", "遅れ(営業日)"),
        unit=CORRELATION,
    )


def decay(metrics: Mapping[str, Mapping[str, float | int | None]]) -> Figure:
    """RankIC at each horizon with its 95% interval."""
    horizons = sorted(
        int(name[1:].partition(".")[0]) for name in metrics if name.endswith(".rank_ic")
    )
    found = [metrics[f"h{horizon}.rank_ic"] for horizon in horizons]
    values, low, high = (
        [_float(one.get(key)) for one in found] for key in ("value", "low", "high")
    )
    bars = Series(name=Text("RankIC", "順位IC"), y=values, low=low, high=high, shape="bars")
    places = [float(place) for place in range(len(horizons))]
    texts = [of_horizon(horizon) for horizon in horizons]
    return Figure(
        x=places, x_texts=texts, ticks=list(zip(places, texts, strict=True)), series=[bars],
        y_label=Text("RankIC", "順位IC"), x_label=Text("horizon", "予測期間"), unit=CORRELATION,
    )  # fmt: skip


def excess_deciles(deciles: pl.DataFrame) -> dict[str, tuple[Text, Figure]]:
    """Mean return of each score decile over the universe with its 95% interval, by horizon."""
    found = {}
    for place, horizon in enumerate(horizons_of(deciles)):
        mine = deciles.filter(horizon=horizon).sort("decile")
        values = mine.get_column("value").cast(pl.Float64).to_numpy(allow_copy=True)
        errors = mine.get_column("error").cast(pl.Float64).to_numpy(allow_copy=True)
        bars = Series(
            name=Text("mean excess return", "平均超過リターン"),
            y=values.tolist(),
            low=(values - Z95 * errors).tolist(),
            high=(values + Z95 * errors).tolist(),
            shape="bars",
            colour=place,
        )
        names = mine.get_column("decile").to_list()
        found[f"h{horizon}"] = (
            of_horizon(horizon),
            Figure(
                x=[float(one) for one in names],
                x_texts=[Text(f"decile {one}", f"第{one}十分位") for one in names],
                ticks=[(float(one), str(one)) for one in names if one in (1, 4, 7, 10)],
                series=[bars],
                y_label=Text("over the universe, bps", "ユニバース比、bps"),
                x_label=Text("score decile", "スコア十分位"),
                unit=BASIS_POINTS,
                height=180,
            ),
        )
    return found


def equity_curve(portfolio: pl.DataFrame) -> Figure:
    """Equity after costs, the equal-weighted universe before costs, and cash, from 1."""
    lines = {
        "equity": (Text("portfolio, after costs", "ポートフォリオ(コスト控除後)"), 0, "solid"),
        "benchmark": (
            Text("universe, equal weight, no costs", "等金額ユニバース(コストなし)"), None, "solid"
        ),
    }  # fmt: skip
    series = [
        Series(name=name, y=_relative(portfolio.get_column(column)), colour=colour, dash=dash)
        for column, (name, colour, dash) in lines.items()
    ]
    flat = [1.0] * portfolio.height
    series.append(Series(name=Text("cash, no interest", "現金(無利息)"), y=flat, colour=None,
                         dash="dot"))  # fmt: skip
    return _over_days(_days(portfolio), series, y=Text("growth of 1", "1からの成長"),
                      unit=_GROWTH, zero=False)  # fmt: skip


def excess_curve(portfolio: pl.DataFrame) -> Figure:
    """Growth against the equal-weighted universe, before and after costs."""
    grown = excess_growth(portfolio)
    names = {
        "net": (Text("after costs", "コスト控除後"), "solid", 0),
        "gross": (Text("before costs", "コスト控除前"), "dash", 1),
    }
    series = [
        Series(name=name, y=grown.get_column(column).to_list(), dash=dash, colour=colour)
        for column, (name, dash, colour) in names.items()
    ]
    return _over_days(_days(portfolio), series, y=Text("over the universe", "ユニバース比"),
                      unit=RETURN)  # fmt: skip


def drawdown_curve(portfolio: pl.DataFrame) -> Figure:
    """Fall from the running peak, downwards."""
    series = []
    for column, name, colour in (
        ("equity", Text("portfolio", "ポートフォリオ"), 0),
        ("benchmark", Text("universe", "ユニバース"), None),
    ):
        values = portfolio.get_column(column).to_numpy()
        fall = 1.0 - values / np.maximum.accumulate(values)
        series.append(Series(name=name, y=fall.tolist(), colour=colour, area=colour == 0))
    made = _over_days(_days(portfolio), series, y=Text("below the peak", "最高値からの下落"),
                      unit=SHARE, whole=True)  # fmt: skip
    return replace(made, downwards=True)


def exposure_lines(exposures: pl.DataFrame, names: Mapping[str, Text], unit: Unit) -> Figure:
    """Active exposures over time, a line a factor.

    Parameters
    ----------
    exposures : polars.DataFrame
        (date, name, active), a row a session and factor.
    """
    days = _days(exposures)
    series = [
        Series(
            name=names.get(name, name),
            y=on_days(exposures.filter(name=name), days).get_column("active").to_list(),
            colour=place,
        )
        for place, name in enumerate(exposures.get_column("name").unique(maintain_order=True))
    ]
    return _over_days(days, series, y=Text("over the universe", "ユニバース比"), unit=unit)


def turnover_bars(portfolio: pl.DataFrame) -> Figure:
    """Share of equity replaced at each open that traded."""
    traded = portfolio.with_columns(
        pl.when(pl.col("turnover") > 0.0).then(pl.col("turnover")).alias("turnover")
    )
    bars = Series(name=Text("turnover", "回転率"), y=traded.get_column("turnover").to_list(),
                  shape="bars")  # fmt: skip
    y = Text("share of equity replaced", "入れ替えた資産の割合")
    return _over_days(_days(traded), [bars], y=y, unit=SHARE, whole=True)


def score_histogram(scores: FloatArray) -> Figure:
    """How many names have which score."""
    return histogram(
        {Text("names", "銘柄数"): scores},
        y=Text("names", "銘柄数"),
        x=Text("score (no unit)", "スコア(単位なし)"),
    )


def histogram(values: Mapping[Words, FloatArray], *, y: Words, x: Words) -> Figure:
    """How often which values come, of several samples on one scale; what is not finite is left out.

    A sample of which nothing is finite is no series.
    """
    known = {name: one[np.isfinite(one)] for name, one in values.items()}
    known = {name: one for name, one in known.items() if len(one)}
    whole = np.concatenate([np.empty(0), *known.values()])
    bins = _BINS if len(whole) and np.ptp(whole) > 0.0 else 1
    edges = np.histogram_bin_edges(whole, bins=bins)
    middles: list[float] = ((edges[1:] + edges[:-1]) / 2.0).tolist()
    several = len(known) > 1
    series = [
        Series(
            name=name,
            y=[float(count) for count in np.histogram(one, bins=edges)[0]],
            colour=place,
            shape="line" if several else "bars",
        )
        for place, (name, one) in enumerate(known.items())
    ]
    every = max(1, len(middles) // 4)
    return Figure(
        x=middles,
        x_texts=[f"{low:.3g} … {high:.3g}" for low, high in pairwise(edges)],
        ticks=[
            (middle, f"{middle:.2g}".replace("-", MINUS)) for middle in middles[every // 2 :: every]
        ],
        series=series,
        y_label=y,
        x_label=x,
        unit=COUNT,
        height=200,
    )


def horizons_of(frame: pl.DataFrame) -> list[int]:
    """Horizons of a long frame, ascending."""
    found: list[int] = sorted(frame.get_column("horizon").unique().to_list())
    return found


def on_days(frame: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """The rows of a frame at each of some days; null where it has none."""
    axis = pl.DataFrame({"date": pl.Series(days, dtype=pl.Date)})
    return axis.join(frame, on="date", how="left", maintain_order="left")


def _days(frame: pl.DataFrame) -> list[date]:
    found: list[date] = frame.get_column("date").unique().sort().to_list()
    return found


def _summed(column: pl.Series) -> list[float | None]:
    """Running sum that stays where a session does not count; nothing before the first that does."""
    values = column.cast(pl.Float64)
    begun = values.is_not_null().cum_sum() > 0
    total = values.fill_null(0.0).cum_sum()
    return [one if has else None for one, has in zip(total, begun, strict=True)]


def _relative(values: pl.Series) -> list[float | None]:
    found: list[float | None] = (values / values[0]).to_list()
    return found


def _float(value: float | int | None) -> float | None:
    return None if value is None else float(value)


def _over_days(
    days: Sequence[date],
    series: Sequence[Series],
    *,
    y: Text,
    unit: Unit,
    zero: bool = True,
    whole: bool = False,
) -> Figure:
    """A figure over sessions; of very many, lines keep as many as can be seen, unless ``whole``."""
    if not whole and len(days) > MOST_POINTS:
        places = even_places(len(days))
        days = [days[place] for place in places]
        series = [_at(one, places) for one in series]
    x, texts, ticks = dated(days)
    return Figure(
        x=x, x_texts=texts, ticks=ticks, series=series, y_label=y, x_label=SESSION, unit=unit,
        zero=zero,
    )  # fmt: skip


def _at(one: Series, places: Sequence[int]) -> Series:
    """A series at some of its places."""
    y, low, high = ([values[n] for n in places] if len(values) else values
                    for values in (one.y, one.low, one.high))  # fmt: skip
    return replace(one, y=y, low=low, high=high)
