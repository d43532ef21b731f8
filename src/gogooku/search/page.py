"""One self-contained HTML page about a search: the sentence, then where it comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from gogooku.core.metrics import number_or_none
from gogooku.core.space import AnyKnob, Value
from gogooku.evaluate.page import chart, details, document, folded, grid, panels, section
from gogooku.evaluate.report_head import badge
from gogooku.evaluate.svg import Figure, Series, dated, number_ticks
from gogooku.evaluate.words import (
    CORRELATION,
    NONE,
    SHARE,
    Language,
    Text,
    both,
    html,
    probability,
    sessions,
)
from gogooku.search.counted import by_session
from gogooku.search.finals import Finals
from gogooku.search.record import TrialRecord
from gogooku.search.trial import Ground

_TITLE: Final = Text("Search: {name}", "探索: {name}")
_STATES: Final[Mapping[str, Text]] = {
    "complete": Text("complete", "完了"),
    "pruned": Text("given up", "打ち切り"),
    "failed": Text("failed", "失敗"),
}
_VALUE: Final = Text("value of the trial", "試行の値")
_TRIAL: Final = Text("trial", "試行")
_KNOB: Final = Text("knob", "調整項目")
_PICK: Final = Text("pick", "選択")
_DEFAULT: Final = Text("run as it is", "元の設定")
_BEST: Final = Text("best so far", "それまでの最良")
_TITLES: Final[Mapping[str, Text]] = {
    "unseen": Text("On sessions the search never saw", "探索が見ていない営業日での比較"),
    "difference": Text(
        "Pick less run as it is, summed over those sessions, {h}",
        "その営業日での選択と元の設定の差の累計({h})",
    ),
    "seen": Text("On the folds of the search", "探索に使った分割での比較"),
    "luck": Text("How much may be luck", "偶然の可能性"),
    "finalists": Text("Finalists, with more seeds", "最終候補(学習の乱数を増やした評価)"),
    "history": Text("Trials in order", "試行の履歴"),
    "importances": Text("What matters", "どの項目が効くか"),
    "slices": Text("Value against each knob", "項目ごとの値"),
    "parallel": Text("All knobs of all trials", "全試行の設定"),
    "neighbours": Text("A step away from the pick", "選択の一歩隣"),
    "trials": Text("Every trial", "全試行"),
}
_NOTES: Final[Mapping[str, Text]] = {
    "unseen": Text(
        "The pick was made before these sessions were looked at, and they were looked at once. "
        "Paired by session, with 95% intervals; the first sessions, into which labels of the "
        "search reach, are left out.",
        "選択はこれらの営業日を見る前に行われ、見たのは一度だけ。営業日ごとの対応比較と95%区間。"
        "探索のラベルが届く最初の営業日は除く。",
    ),
    "seen": Text(
        "These sessions made the pick, so the difference is too good.",
        "これらの営業日で選んだため、差は良く出すぎている。",
    ),
    "history": Text(
        "Mean daily RankIC over folds less {weight} standard deviations over folds.",
        "日次RankICの分割間平均から、分割間の標準偏差の{weight}倍を引いた値。",
    ),
    "importances": Text(
        "Share of the spread of values that a knob explains, alone and with others (functional "
        "ANOVA). Knobs that only some trials have are not among them.",
        "値のばらつきのうち、各項目(単独および交互作用)で説明される割合(functional ANOVA)。"
        "一部の試行にしかない項目は含まない。",
    ),
    "parallel": Text(
        "A line a trial; the height is the place in the range of each knob.",
        "1本の線が1試行。高さは各項目の範囲内での位置。",
    ),
    "neighbours": Text(
        "One knob moved by a step, the others as picked, on the folds and seeds of the search. A "
        "pick that a step ruins hangs by a thread.",
        "他を固定し1項目だけ一歩動かした値(探索と同じ分割と乱数)。一歩で崩れる選択は頼りない。",
    ),
}
_COLUMNS: Final[Mapping[str, Text]] = {
    "h": Text("horizon", "予測期間"),
    "difference": Text("difference", "差"),
    "interval": Text("95% interval", "95%区間"),
    "p": Text("p", "p値"),
    "n": Text("sessions", "営業日"),
    "state": Text("state", "状態"),
    "folds": Text("by fold", "分割別"),
    "set": Text("set to", "設定値"),
    "change": Text("change", "変化"),
    "values": Text("values", "設定"),
    "error": Text("error", "標準誤差"),
    "persistence": Text("rank persistence", "順位の自己相関"),
    "top": Text("highest scores, bp", "上位銘柄の超過(bp)"),
}


@dataclass(frozen=True)
class SearchPage:
    """What the page shows.

    Attributes
    ----------
    name : str
    ground : Ground
    trials : sequence of TrialRecord
    finals : Finals
    sentence : Text
    importances : mapping of str to float
    settings : mapping of str to value
        Of the search, with where they came from.
    simulated : bool
        Whether the prices are a sandbox's.
    exchange : str
    language : Language
    """

    name: str
    ground: Ground
    trials: Sequence[TrialRecord]
    finals: Finals
    sentence: Text
    importances: Mapping[str, float]
    settings: Mapping[str, Any]
    simulated: bool
    exchange: str
    language: Language = Language.EN


def render_search(page: SearchPage) -> str:
    """The page as one HTML text; the same search gives the same bytes."""
    title = _TITLE.filled(name=page.name)
    body = [
        f'<header id="headline">{badge(simulated=page.simulated, exchange=page.exchange)}'
        f"<h1>{html(title)}</h1>"
        f'<p class="verdict" id="verdict">{html(page.sentence)}</p></header>',
        _paired("unseen", page.finals.unseen),
        _difference(page),
        _luck(page),
        _finalists(page),
        _paired("seen", page.finals.seen),
        _history(page),
        _importances(page),
        _slices(page),
        _parallel(page),
        _neighbours(page),
        _trials(page),
        details("settings", Text("Settings", "設定"), page.settings),
    ]
    return document(title.en, "\n".join(part for part in body if part), language=page.language)


def _part(key: str, inner: str, **said: str) -> str:
    note = _NOTES.get(key)
    return section(key, _TITLES[key], inner, note=note.filled(**said) if note else "")


def _head(*names: str | Text) -> list[str]:
    return [html(_COLUMNS.get(name, name) if isinstance(name, str) else name) for name in names]


def _paired(key: str, rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    body = [
        [
            html(sessions(row["horizon"])),
            html(CORRELATION.text(row["pick"])),
            html(CORRELATION.text(row["default"])),
            html(CORRELATION.text(row["difference"])),
            html(CORRELATION.between(row["low"], row["high"])),
            html(NONE if row["p_value"] is None else f"{row['p_value']:.3f}"),
            html(f"{row['n']:,}"),
        ]
        for row in rows
    ]
    head = _head("h", _PICK, _DEFAULT, "difference", "interval", "p", "n")
    return _part(key, grid(head, body))


def _difference(page: SearchPage) -> str:
    """Sum of the daily differences on unseen sessions, at the first horizon of the search."""
    later = page.finals.unseen_daily
    if not later or page.finals.pick is page.finals.default:
        return ""
    horizon = page.ground.search.horizons[0]
    both_of = by_session(later["pick"], horizon).join(
        by_session(later["default"], horizon), on="date", suffix="_default"
    )
    kept = both_of.drop_nulls()
    if kept.is_empty():
        return ""
    summed = (kept["rank_ic"] - kept["rank_ic_default"]).cum_sum().to_list()
    x, texts, ticks = dated(kept["date"].to_list())
    figure = Figure(
        x=x,
        x_texts=texts,
        ticks=ticks,
        series=[Series(_COLUMNS["difference"], summed, area=True)],
        y_label=Text("sum of daily RankIC", "日次RankICの累計"),
        x_label=Text("session", "営業日"),
        unit=CORRELATION,
    )
    title = _TITLES["difference"].filled(h=sessions(horizon))
    return chart("difference", title, figure)


def _luck(page: SearchPage) -> str:
    luck = page.finals.luck
    rows = [
        (Text("settings judged on these sessions", "これらの営業日で評価された設定"),
         both(f"{luck.tries:,}")),
        (Text("mean over deviation of the daily RankIC", "日次RankICの平均÷標準偏差"),
         CORRELATION.text(luck.ratio)),
        (Text("probability of being above the best of as many worthless settings",
              "同数の無価値な設定の最良を上回る確率"), probability(number_or_none(luck.deflated))),
        (Text("probability of overfitting ({n} trials)", "過剰適合の確率({n}試行)").filled(
            n=str(luck.counted)), probability(number_or_none(luck.overfitting))),
    ]  # fmt: skip
    return _part("luck", grid([], [[html(name), html(value)] for name, value in rows]))


def _finalists(page: SearchPage) -> str:
    body = []
    for one in page.finals.finalists:
        worth = one.worth
        name = _DEFAULT if one.number == 0 else both(str(one.number))
        marked = Text(f"{both(name).en} ({_PICK.en})", f"{both(name).ja}({_PICK.ja})")
        body.append(
            [
                html(marked if one is page.finals.pick else name),
                html(CORRELATION.text(worth.value)),
                html(CORRELATION.text(worth.mean.value)),
                html(CORRELATION.text(worth.mean.error).en.removeprefix("+")),
                html(", ".join(CORRELATION.bare(each) for each in worth.folds)),
                html(f"{worth.persistence:.3f}" if math.isfinite(worth.persistence) else NONE),
                html(f"{worth.top_bps:.1f}" if math.isfinite(worth.top_bps) else NONE),
            ]
        )
    head = _head(_TRIAL, _VALUE, "RankIC", "error", "folds", "persistence", "top")
    return _part("finalists", grid(head, body))


def _value(one: TrialRecord) -> float | None:
    return None if one.worth is None else one.worth["value"]


def _history(page: SearchPage) -> str:
    x = [float(one.number) for one in page.trials]
    best: list[float | None] = []
    for one in page.trials:
        value = _value(one) if one.feasible else None
        before = best[-1] if best else None
        best.append(max((each for each in (before, value) if each is not None), default=None))
    series = [Series(_BEST, best, colour=1)]
    for colour, state in enumerate(("complete", "pruned")):
        values = [_value(one) if one.state == state else None for one in page.trials]
        series.append(Series(_STATES[state], values, colour=(0, None)[colour], shape="points"))
    figure = Figure(
        x=x,
        x_texts=[f"{one.number}" for one in page.trials],
        ticks=number_ticks(x),
        series=series,
        y_label=_VALUE,
        x_label=_TRIAL,
        unit=CORRELATION,
        zero=False,
    )
    note = _NOTES["history"].filled(weight=f"{page.ground.search.spread_weight:g}")
    return chart("history", _TITLES["history"], figure, note=note)


def _importances(page: SearchPage) -> str:
    if not page.importances:
        return ""
    rows = [
        [escape(name), html(SHARE.text(value))]
        for name, value in sorted(page.importances.items(), key=lambda one: -one[1])
    ]
    return _part("importances", grid(_head(_KNOB, Text("share", "割合")), rows))


def _complete(page: SearchPage) -> list[TrialRecord]:
    return [one for one in page.trials if one.state == "complete" and _value(one) is not None]


def _slices(page: SearchPage) -> str:
    figures = {}
    for place, knob in enumerate(page.ground.space.knobs):
        there = [one for one in _complete(page) if knob.name in one.values]
        if len(there) > 1:
            figures[f"k{place}"] = (both(knob.name), _slice(page, knob, there))
    return panels("slices", _TITLES["slices"], figures) if figures else ""


def _slice(page: SearchPage, knob: AnyKnob, trials: Sequence[TrialRecord]) -> Figure:
    """Values of trials over the range of a knob, the pick in another colour."""
    ordered = sorted(trials, key=lambda one: (knob.place(one.values[knob.name]), one.number))
    pick = page.finals.pick.number
    values = [_value(one) for one in ordered]
    return Figure(
        x=[knob.place(one.values[knob.name]) for one in ordered],
        x_texts=[f"{_shown(one.values[knob.name])} ({one.number})" for one in ordered],
        ticks=_ends(knob),
        series=[
            Series(_TRIAL, values, colour=0, shape="points"),
            Series(
                _PICK,
                [value if one.number == pick else None
                 for one, value in zip(ordered, values, strict=True)],
                colour=1,
                shape="points",
            ),
        ],
        y_label=_VALUE,
        x_label=knob.name,
        unit=CORRELATION,
        zero=False,
        height=180,
    )  # fmt: skip


def _ends(knob: AnyKnob) -> list[tuple[float, Text | str]]:
    options = getattr(knob, "options", None)
    values: list[Value] = [knob.low, knob.high] if options is None else list(options)  # type: ignore[union-attr]
    return [(knob.place(value), _shown(value)) for value in values]


def _shown(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _parallel(page: SearchPage) -> str:
    """A line a trial through the places of its knobs."""
    knobs, trials = page.ground.space.knobs, _complete(page)
    if len(trials) < 2 or len(knobs) < 2:
        return ""
    pick = page.finals.pick.number
    values = sorted(float(_value(one) or 0.0) for one in trials)
    good = values[int(0.75 * (len(values) - 1))]

    def line(one: TrialRecord, name: Text | str, colour: int | None) -> Series:
        places = [
            knob.place(one.values[knob.name]) if knob.name in one.values else None for knob in knobs
        ]
        return Series(name, places, colour=colour)

    series = [line(one, "", 0 if float(_value(one) or 0.0) >= good else None) for one in trials]
    series += [line(one, _PICK, 1) for one in trials if one.number == pick]
    series += [line(one, _DEFAULT, 2) for one in trials if one.number == 0 != pick]
    figure = Figure(
        x=[float(place) for place in range(len(knobs))],
        x_texts=[knob.name for knob in knobs],
        ticks=[(float(place), knob.name.rsplit(".", 1)[-1]) for place, knob in enumerate(knobs)],
        series=series,
        y_label=Text("place in the range", "範囲内の位置"),
        x_label=_KNOB,
        y_range=(0.0, 1.0),
    )
    quarter = Text(" Blue: the best quarter of the trials.", "青は上位4分の1の試行。")
    note = Text(*(a + b for a, b in zip(_NOTES["parallel"], quarter, strict=True)))
    return chart("parallel", _TITLES["parallel"], figure, note=note)


def _neighbours(page: SearchPage) -> str:
    if not page.finals.neighbours:
        return ""
    body = [
        [
            escape(one.knob),
            escape(_shown(one.value)),
            html(CORRELATION.text(one.worth)),
            html(one.fault or CORRELATION.text(one.change)),
        ]
        for one in page.finals.neighbours
    ]
    return _part("neighbours", grid(_head(_KNOB, "set", _VALUE, "change"), body))


def _trials(page: SearchPage) -> str:
    body = []
    for one in page.trials:
        worth = one.worth or {}
        values = ", ".join(f"{name}={_shown(value)}" for name, value in one.values.items())
        said = one.fault or "; ".join(worth.get("broken", ()))
        body.append(
            [
                escape(str(one.number)),
                html(_STATES[one.state]),
                html(CORRELATION.text(_value(one))),
                html(", ".join(CORRELATION.bare(each) for each in worth.get("folds", ()))),
                f'<td class="text">{escape(values)}{": " if said else ""}{escape(said)}</td>',
            ]
        )
    table = grid(_head(_TRIAL, "state", _VALUE, "folds", "values"), body)
    return f'<section id="trials">{folded(html(_TITLES["trials"]), table)}</section>'
