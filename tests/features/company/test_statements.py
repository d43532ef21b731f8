"""Statement features equal plain loops over the documents known then, and never see later ones."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache

import numpy as np
import polars as pl
import pytest

from gogooku.features.company.quarters import growth
from gogooku.features.company.statements import CLIP, STATEMENTS, STATEMENTS_INPUTS
from support.source_world import FrameTables, source_world

INPUT = STATEMENTS_INPUTS[0]
NAN = float("nan")
ITEMS = {"sales": "sales_yen", "op": "operating_profit_yen", "np": "net_profit_yen"}
QUARTER = {"1Q": 1, "2Q": 2, "3Q": 3, "FY": 4}


@lru_cache(maxsize=1)
def world():
    return source_world(first=date(2022, 9, 1), num_sessions=900, num_stocks=30, seed=5)


@lru_cache(maxsize=1)
def documents():
    """Documents of the sandbox, with corrections of old quarters and a change of rules added.

    Some results come with a document of the same evening: one that repeats their forecasts, or one
    that puts the forecast of the year to what was earned. Some sheets tell net assets only.
    """
    own = pl.col("shareholders_equity_yen")
    frame = (
        world()
        .typed("statements")
        .with_columns(
            pl.when(pl.int_range(pl.len()) % 5 != 0).then(own),
            equity_yen=pl.col("equity_yen") * 1.1,
        )
    )
    results = frame.filter(pl.col("document_period").is_not_null())
    late = results.filter(pl.int_range(pl.len()) % 9 == 0).with_columns(
        pl.col("event_date") + timedelta(days=130),
        pl.col("available_at") + timedelta(days=130),
        pl.col("sales_yen") * 1.07,
        pl.col("net_profit_yen") * -0.4,
        document_number=pl.col("document_number").str.replace("^....", "2099"),
        restated=pl.lit(value=True),
    )
    whole = results.filter(pl.col("document_period") == "FY")
    names = ("sales_yen", "operating_profit_yen", "net_profit_yen", "dividend_annual_yen")
    silent = {"document_kind": pl.lit("earnings_forecast_revision")} | {
        name: pl.lit(None, dtype=whole.schema[name])
        for name in ("document_period", "next_fiscal_year_end", *ITEMS.values())
    }
    repeated = whole.filter(pl.int_range(pl.len()) % 3 == 0).with_columns(
        pl.col("available_at") + timedelta(minutes=1),
        *(pl.col(f"next_forecast_{name}").alias(f"forecast_{name}") for name in names),
        *(pl.lit(None, dtype=pl.Float64).alias(f"next_forecast_{name}") for name in names),
        **(silent | {"fiscal_year_end": pl.col("next_fiscal_year_end")}),
        document_number=pl.col("document_number").str.replace("^....", "2097"),
    )
    confessed = whole.filter(pl.int_range(pl.len()) % 3 == 1).with_columns(
        pl.col("available_at") - timedelta(minutes=1),
        *(pl.col(name).alias(f"forecast_{name}") for name in ITEMS.values()),
        *(pl.lit(None, dtype=pl.Float64).alias(f"next_forecast_{name}") for name in names),
        **silent,
        document_number=pl.col("document_number").str.replace("^....", "1997"),
    )
    odd = sorted(frame.get_column("code").unique())[3]
    switched = (pl.col("code") == odd) & (pl.col("event_date") > date(2024, 9, 1))
    return (
        pl.concat([frame, late, repeated, confessed])
        .with_columns(
            accounting_standard=pl.when(switched & pl.col("accounting_standard").is_not_null())
            .then(pl.lit("US"))
            .otherwise("accounting_standard")
        )
        .sort("event_date", "document_number")
    )


@lru_cache(maxsize=1)
def made():
    return INPUT.make(FrameTables({"statements": documents()}), world().timeline)


# ------------------------------------------------------------------------------ the plain oracle


def months(day):
    return None if day is None else day.year * 12 + day.month


def num(value):
    return NAN if value is None else float(value)


def naive_growth(now, before):
    return NAN if before != before or before == 0 else (now - before) / abs(before)


class Known:
    """What a name's documents say, looked up by plain loops."""

    def __init__(self, rows):
        self.rows = rows
        self.results = [
            row
            for row in rows
            if row["document_period"] in QUARTER and row["fiscal_year_end"] is not None
        ]
        self.now = None
        for row in self.results:
            if self.now is None or row["period_end"] >= self.now["period_end"]:
                self.now = row

    def row(self, years, quarter):
        found = None
        for row in self.results:
            same = (
                QUARTER[row["document_period"]] == quarter
                and self.years_before(row, "fiscal_year_end") == years
                and self.years_before(row, "fiscal_year_start") == years
                and row["accounting_standard"] == self.now["accounting_standard"]
                and row["is_consolidated"] == self.now["is_consolidated"]
            )
            found = row if same else found
        return found

    def years_before(self, row, column):
        return (months(self.now[column]) - months(row[column])) / 12

    def value(self, column, years, quarter):
        row = self.row(years, quarter)
        return NAN if row is None else num(row[column])

    def at(self, years, back):
        quarter = QUARTER[self.now["document_period"]] - back
        return (years, quarter) if quarter >= 1 else (years + 1, quarter + 4)

    def single(self, column, years=0, back=0):
        year, quarter = self.at(years, back)
        before = 0.0 if quarter == 1 else self.value(column, year, quarter - 1)
        return self.value(column, year, quarter) - before

    def four(self, column, years=0, back=0):
        """Sum of four single quarters, the way nobody can get wrong."""
        year, quarter = self.at(years, back)
        if quarter == 4:
            return self.value(column, year, 4)
        last = self.value(column, year + 1, 4) - self.value(column, year + 1, quarter)
        return self.value(column, year, quarter) + last

    def forecasts(self, column, end, rows):
        """All forecasts of a fiscal year in the order in which they came, and their evenings."""
        out = []
        for row in rows:
            for prefix, ends in (("", "fiscal_year_end"), ("next_", "next_fiscal_year_end")):
                value = row[f"{prefix}forecast_{column}"]
                if value is not None and months(row[ends]) == end:
                    basis = row["basis"] if "dividend" in column else 1.0
                    out.append((value / basis, row["evening"]))
        return out

    def newest(self, column, end):
        """The newest forecast of a fiscal year, and the last one of an evening before it."""
        found = self.forecasts(column, end, self.rows)
        earlier = [value for value, evening in found if evening < found[-1][1]]
        return (found[-1][0] if found else NAN), (earlier[-1] if earlier else NAN)

    def target(self):
        ends = []
        for row in self.rows:
            end = months(row["fiscal_year_end"])
            if row["document_period"] == "FY":
                following = months(row["next_fiscal_year_end"])
                end = end + 12 if following is None else following
            ends.append(end)
        return max(ends)

    def last_whole(self):
        return self.row(0 if self.now["document_period"] == "FY" else 1, 4)


def naive_state(rows):
    known = Known(rows)
    out = {}
    expected = known.target()
    for name, column in {**ITEMS, "div": "dividend_annual_yen"}.items():
        found = known.forecasts(column, expected, rows)
        out[f"{name}_forecast"], before = known.newest(column, expected)
        if name in ("op", "div"):
            out[f"{name}_forecast_before"] = before
        if name == "op":
            out[f"{name}_forecast_first"] = found[0][0] if found else NAN
    for row in rows:
        if row["document_kind"] == "earnings_forecast_revision":
            out["revision_t"] = row["t"]
    if known.now is None:
        return out
    for name, column in ITEMS.items():
        out[f"{name}_q"] = known.single(column)
        out[f"{name}_q_year_ago"] = known.single(column, 1)
        out[f"{name}_ttm"] = known.four(column)
        out[f"{name}_ttm_year_ago"] = known.four(column, 1)
        whole = known.last_whole()
        out[f"{name}_last_year"] = NAN if whole is None else num(whole[column])
        out[f"{name}_surprise"] = NAN
        if whole is not None:
            older = [row for row in rows if row["evening"] < whole["evening"]]
            before = known.forecasts(column, months(whole["fiscal_year_end"]), older)
            last = before[-1][0] if before else NAN
            out[f"{name}_surprise"] = naive_growth(num(whole[column]), last)
    for name in ("op", "np"):
        quarter = QUARTER[known.now["document_period"]]
        out[f"{name}_cum"] = num(known.now[ITEMS[name]])
        end = months(known.now["fiscal_year_end"])
        out[f"{name}_cum_forecast"] = known.newest(ITEMS[name], end)[0]
        whole, part = known.value(ITEMS[name], 1, 4), known.value(ITEMS[name], 1, quarter)
        out[f"{name}_usual"] = part / whole if whole > 0 else NAN
    out["sales_growth_before"] = naive_growth(
        known.single("sales_yen", 0, 1), known.single("sales_yen", 1, 1)
    )
    cash = known.four("operating_cash_flow_yen")
    back = 0 if cash == cash else 1
    out["cfo"] = known.four("operating_cash_flow_yen", 0, back)
    out["cfo_profit"] = known.four("net_profit_yen", 0, back)
    out["cfo_sales"] = known.four("sales_yen", 0, back)
    return out | naive_balance(known, rows)


def naive_mean(known, name, quarter):
    return (num(known.now[name]) + known.value(name, 1, quarter)) / 2


def naive_equity_mean(known, quarter):
    """With minority interests at both ends, or without at both."""
    own = naive_mean(known, "shareholders_equity_yen", quarter)
    return own if own == own else naive_mean(known, "equity_yen", quarter)


def naive_balance(known, rows):
    quarter = QUARTER[known.now["document_period"]]
    cash = num(known.now["cash_yen"])
    cash = known.value("cash_yen", *known.at(0, 1)) if cash != cash else cash
    policy = ("policy_changed_by_standard", "policy_changed_otherwise", "restated")
    own = known.now["shareholders_equity_yen"]
    return {
        "equity": num(own if own is not None else known.now["equity_yen"]),
        "equity_mean": naive_equity_mean(known, quarter),
        "assets": num(known.now["total_assets_yen"]),
        "assets_year_ago": known.value("total_assets_yen", 1, quarter),
        "cash": cash,
        "stmt_nc_flag": float(any(bool(known.now[name]) for name in policy)),
        "stmt_change_in_est": float(bool(known.now["estimates_changed"])),
        "result_t": max(row["t"] for row in known.results),
    }


def naive_base():
    timeline = world().timeline
    out = {name: np.full(timeline.shape, np.nan) for name in INPUT.columns}
    frame = documents().sort("available_at", "event_date", "document_number")
    for n, code in enumerate(timeline.codes):
        rows = frame.filter(pl.col("code") == code).to_dicts()
        for row in rows:
            row["t"] = int(np.sum(timeline.decisions < np.datetime64(row["available_at"], "us")))
            # before the first session of all, days tell evenings apart
            start = timeline.decisions[0].item().date()
            known_on = row["available_at"].date()
            row["evening"] = (row["t"], min(known_on, start) if row["t"] == 0 else start)
            event = np.datetime64(row["event_date"], "D")
            row["basis"] = timeline.growth_TN[
                max(int(np.sum(timeline.sessions <= event)) - 1, 0), n
            ]
        fill_name(out, rows, n, timeline.shape[0])
    return out


def fill_name(out, rows, n, sessions):
    count, state = 0, {}
    for t in range(sessions):
        known = [row for row in rows if row["t"] <= t]
        if len(known) != count:
            count, state = len(known), naive_state(known)
        for name, value in state.items():
            if name == "result_t":
                out["st_age"][t, n] = t - value
            elif name == "revision_t":
                out["st_revision_age"][t, n] = t - value
            else:
                out[name if name.startswith("stmt_") else f"st_{name}"][t, n] = value


# ------------------------------------------------------------------------------------ the tests


def test_base_columns_equal_plain_loops():
    expected, found = naive_base(), made()
    assert set(found) == set(INPUT.columns) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-9, atol=1e-6, err_msg=name)
        assert np.isfinite(values).mean() > 0.1, name


def naive_feature(name, b):
    """A feature at one cell from the base columns there."""

    def over(top, bottom):
        return top / bottom if bottom > 0 else NAN

    def change(span):
        before = over(b[f"op_{span}_year_ago"], b[f"sales_{span}_year_ago"])
        return over(b[f"op_{span}"], b[f"sales_{span}"]) - before

    parts = name.split("_")
    item = parts[-1]
    simple = {
        "stmt_sales_acceleration": lambda: (
            naive_growth(b["sales_q"], b["sales_q_year_ago"]) - b["sales_growth_before"]
        ),
        "fs_asset_growth": lambda: naive_growth(b["assets"], b["assets_year_ago"]),
        "stmt_opm": lambda: over(b["op_q"], b["sales_q"]),
        "stmt_npm": lambda: over(b["np_q"], b["sales_q"]),
        "fs_op_margin": lambda: over(b["op_ttm"], b["sales_ttm"]),
        "fs_net_margin": lambda: over(b["np_ttm"], b["sales_ttm"]),
        "stmt_opm_change": lambda: change("q"),
        "fs_op_margin_change": lambda: change("ttm"),
        "stmt_rev_div_fore": lambda: naive_growth(b["div_forecast"], b["div_forecast_before"]),
        "fs_cfo_to_ni": lambda: naive_growth(b["cfo"], b["cfo_profit"]),
        "fs_accruals_ttm": lambda: over(b["cfo_profit"] - b["cfo"], b["assets"]),
        "fs_ttm_cfo_margin": lambda: over(b["cfo"], b["cfo_sales"]),
        "fs_equity_ratio": lambda: over(b["equity"], b["assets"]),
        "fs_cash_ratio": lambda: over(b["cash"], b["assets"]),
        "fs_asset_turnover": lambda: over(b["sales_ttm"], b["assets"]),
        "fs_roe_ttm": lambda: over(b["np_ttm"], b["equity_mean"]),
        "fs_roa_ttm": lambda: over(b["np_ttm"], (b["assets"] + b["assets_year_ago"]) / 2),
        "stmt_sessions_since_statement": lambda: np.log(1 + b["age"]),
        "stmt_sessions_since_revision": lambda: np.log(1 + b["revision_age"]),
        "stmt_imp_statement": lambda: float(b["age"] == 0),
        "stmt_imp_revision": lambda: float(b["revision_age"] == 0),
        "is_stmt_valid": lambda: float(b["age"] == b["age"]),
        "stmt_nc_flag": lambda: b["stmt_nc_flag"],
        "stmt_change_in_est": lambda: b["stmt_change_in_est"],
    }
    if name in simple:
        return simple[name]()
    if name.startswith("stmt_yoy_"):
        return naive_growth(b[f"{item}_q"], b[f"{item}_q_year_ago"])
    if name.endswith("_ttm_yoy"):
        return naive_growth(b[f"{parts[1]}_ttm"], b[f"{parts[1]}_ttm_year_ago"])
    if name.startswith("stmt_progress_"):
        usual = b[f"{parts[2]}_usual"] if name.endswith("_vs_usual") else 0.0
        return over(b[f"{parts[2]}_cum"], b[f"{parts[2]}_cum_forecast"]) - usual
    if name.startswith("stmt_rev_fore_"):
        kind = "first" if item == "year" else "before"
        return naive_growth(b[f"{parts[3]}_forecast"], b[f"{parts[3]}_forecast_{kind}"])
    if name.startswith("stmt_fore_growth_"):
        return naive_growth(b[f"{item}_forecast"], b[f"{item}_last_year"])
    assert name.startswith("stmt_surprise_"), name
    return b[f"{item}_surprise"]


@pytest.mark.parametrize("feature", STATEMENTS, ids=lambda f: f.name)
def test_features_equal_plain_formulas(feature):
    base = made()
    found = feature.compute({name: base[name] for name in feature.inputs})
    for t in range(3, world().timeline.shape[0], 29):
        for n in range(world().timeline.shape[1]):
            cell = {name.removeprefix("st_"): float(base[name][t, n]) for name in feature.inputs}
            expected = naive_feature(feature.name, cell)
            expected = min(max(expected, -CLIP), CLIP) if expected == expected else NAN
            np.testing.assert_allclose(found[t, n], expected, rtol=1e-9, atol=1e-9)
    if feature.name not in ("stmt_change_in_est",):
        assert np.nanstd(found) > 0


def test_later_documents_change_nothing_before():
    timeline = world().timeline
    figures = [name for name, kind in documents().schema.items() if kind == pl.Float64]
    for t in (200, 451, 700):
        later = pl.col("available_at") > pl.lit(timeline.decisions[t].item())
        spoiled = documents().with_columns(
            *(
                pl.when(later).then(-3.7 * pl.col(name).fill_null(1.0)).otherwise(name).alias(name)
                for name in figures
            ),
            fiscal_year_end=pl.when(later).then(pl.date(2019, 3, 31)).otherwise("fiscal_year_end"),
        )
        again = INPUT.make(FrameTables({"statements": spoiled}), timeline)
        changed = False
        for name, values in made().items():
            np.testing.assert_array_equal(again[name][: t + 1], values[: t + 1], err_msg=name)
            changed |= not np.array_equal(again[name], values, equal_nan=True)
        assert changed


def test_features_depend_on_their_own_session_only():
    base = made()
    for feature in STATEMENTS:
        assert feature.lookback == 1
        whole = feature.compute({name: base[name] for name in feature.inputs})
        for t in (0, 333, 899):
            single = feature.compute({name: base[name][t : t + 1] for name in feature.inputs})
            np.testing.assert_array_equal(single[0], whole[t], err_msg=feature.name)


def _plain_document(day, period, start, end, **figures):
    return {
        "event_date": day,
        "code": world().timeline.codes[0],
        "document_number": f"{day:%Y%m%d}000001",
        "document_kind": "financial_statements" if period else "earnings_forecast_revision",
        "document_period": period,
        "accounting_standard": "JP" if period else None,
        "is_consolidated": True if period else None,
        "period_end": day,
        "fiscal_year_start": start,
        "fiscal_year_end": end,
        **figures,
    }


def typed_rows(rows):
    """Rows with the columns of the typed table, null where they say nothing."""
    schema = documents().schema
    given = {name: [row.get(name) for row in rows] for name in schema}
    given["available_at"] = [datetime.combine(row["event_date"], time(9)) for row in rows]
    return pl.DataFrame(given, schema=schema, strict=False)


def test_a_changed_year_end_gives_null_and_a_late_correction_counts_from_its_day():
    first, changed = (date(2022, 4, 1), date(2023, 3, 31)), (date(2023, 4, 1), date(2023, 12, 31))
    rows = [
        _plain_document(date(2023, 2, 10), "3Q", *first, sales_yen=300.0),
        _plain_document(date(2023, 5, 10), "FY", *first, sales_yen=420.0),
        _plain_document(date(2023, 6, 9), "3Q", *first, sales_yen=310.0),
        _plain_document(date(2024, 2, 9), "FY", *changed, sales_yen=290.0),
    ]
    rows[2]["period_end"] = rows[0]["period_end"]
    frame = typed_rows(rows)
    base = INPUT.make(FrameTables({"statements": frame}), world().timeline)
    at = lambda day: int(np.searchsorted(world().timeline.sessions, np.datetime64(day)))  # noqa: E731
    quarter, four = base["st_sales_q"][:, 0], base["st_sales_ttm"][:, 0]
    assert quarter[at("2023-05-10")] == 120.0
    assert quarter[at("2023-06-09")] == 110.0
    assert four[at("2023-06-09")] == 420.0
    assert np.isnan(base["st_sales_ttm_year_ago"][at("2024-03-01"), 0])
    assert np.isnan(quarter[at("2024-03-01")])
    assert np.isnan(four[at("2024-03-01")])


def session_of(day):
    return int(np.searchsorted(world().timeline.sessions, np.datetime64(day)))


def values_of(name, rows):
    """A feature of the first name from some documents."""
    base = INPUT.make(FrameTables({"statements": typed_rows(rows)}), world().timeline)
    feature = next(f for f in STATEMENTS if f.name == name)
    return feature.compute({column: base[column] for column in feature.inputs})[:, 0]


def _revised_on_the_evening_of_results():
    year = (date(2023, 4, 1), date(2024, 3, 31))
    figures = ("operating_profit_yen", "dividend_annual_yen")

    def forecast(*values):
        return {f"forecast_{name}": value for name, value in zip(figures, values, strict=True)}

    rows = [
        _plain_document(date(2023, 8, 10), "1Q", *year, **forecast(100.0, 40.0)),
        _plain_document(date(2023, 11, 10), "2Q", *year, **forecast(130.0, 50.0)),
        _plain_document(date(2023, 11, 10), None, *year, **forecast(130.0, 50.0)),
        _plain_document(date(2024, 2, 9), "3Q", *year, **forecast(130.0, 50.0)),
        _plain_document(date(2024, 5, 10), None, *year, **forecast(160.0, 60.0)),
        _plain_document(date(2024, 5, 10), "FY", *year, operating_profit_yen=156.0),
    ]
    for i, row in enumerate(rows):
        row["document_number"] += str(i)
    return rows


@pytest.mark.parametrize(
    ("name", "revision"), [("stmt_rev_fore_op", 0.3), ("stmt_rev_div_fore", 0.25)]
)
def test_two_documents_of_one_evening_are_one_revision(name, revision):
    found = values_of(name, _revised_on_the_evening_of_results()[:4])
    second, third = session_of("2023-11-10"), session_of("2024-02-09")
    assert np.isnan(found[:second]).all()
    np.testing.assert_allclose(found[second:third], revision)
    np.testing.assert_allclose(found[third:], 0.0)


def test_a_surprise_is_against_the_forecast_of_an_earlier_session():
    found = values_of("stmt_surprise_op", _revised_on_the_evening_of_results())
    np.testing.assert_allclose(found[session_of("2024-05-10") :], 26.0 / 130.0)


def test_documents_before_the_history_are_told_apart_by_their_day():
    rows = _revised_on_the_evening_of_results()
    for row in rows:
        for column in ("event_date", "period_end", "fiscal_year_start", "fiscal_year_end"):
            row[column] = row[column].replace(year=row[column].year - 2)
    assert rows[-1]["event_date"] < world().timeline.sessions[0].item()
    np.testing.assert_allclose(values_of("stmt_rev_fore_op", rows[:3])[0], 0.3)
    np.testing.assert_allclose(values_of("stmt_surprise_op", rows)[0], 26.0 / 130.0)


def test_growth_of_a_loss_has_the_right_sign():
    np.testing.assert_allclose(growth(np.array([5.0, -20.0]), np.array([-10.0, -10.0])), [1.5, -1])
