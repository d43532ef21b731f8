"""An account with everything that the report page shows of one, made of random numbers."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from gogooku.evaluate.account import Account
from gogooku.evaluate.report_luck import Luck
from gogooku.evaluate.sector_names import SECTOR_NAMES

PARTS = ("allocation", "selection", "interaction", "cost", "dividends", "trading")
STYLES = ("beta", "size", "volatility", "momentum", "liquidity")
HOSTILE_NAME = "甲 <乙> & 'Co'"


def days_of(count):
    return [date(2022, 1, 3) + timedelta(days=n) for n in range(count)]


def sectors_of(count):
    return list(SECTOR_NAMES)[:count]


def daily_of(count, seed=1):
    rng = np.random.default_rng(seed)
    equity = 1e9 * np.cumprod(1.0 + rng.normal(0, 0.01, count))
    return pl.DataFrame(
        {"date": days_of(count), "equity": equity, "benchmark": equity[::-1],
         "turnover": np.where(np.arange(count) % 5 == 0, 0.3, 0.0),
         "cost": [2e5] * count, "cost_bps": [2.0] * count}
    )  # fmt: skip


def baselines_of(count):
    return pl.concat(
        daily_of(count, seed).select(pl.lit(name).alias("baseline"), "date", "equity", "benchmark",
                                     "cost", "turnover")
        for seed, name in enumerate(("universe", "momentum", "low_volatility", "index"), start=5)
    )  # fmt: skip


def parts_of(count):
    rng = np.random.default_rng(2)
    parts = {name: rng.normal(0.0, 0.001, count - 1) for name in PARTS}
    parts["cost"] = -np.abs(parts["cost"])
    excess = sum(parts.values())
    benchmark = rng.normal(0.0, 0.01, count - 1)
    return pl.DataFrame({"date": days_of(count)[1:], "portfolio": benchmark + excess,
                         "benchmark": benchmark, "excess": excess, **parts})  # fmt: skip


def totals_of(parts, every):
    """Sums of parts by period, as the page takes them."""
    period = pl.lit(date(2022, 1, 1)) if every is None else pl.col("date").dt.truncate(every)
    return parts.group_by(period.alias("period"), maintain_order=True).agg(
        pl.len().alias("sessions"), pl.col("portfolio", "benchmark", "excess", *PARTS).sum()
    )


def sectors_whole_of(count):
    rng = np.random.default_rng(3)
    names = [*sectors_of(count - 1), "cash"]
    columns = ("allocation", "selection", "interaction", "portfolio_weight", "benchmark_weight")
    return pl.DataFrame({"sector": names, **{c: rng.normal(0, 0.01, len(names)) for c in columns}})


def factors_of(count, sectors):
    rng = np.random.default_rng(4)
    names = ["market", *STYLES, *(f"sector:{one}" for one in sectors_of(sectors)), "specific"]
    days = days_of(count)[2:]
    rows = len(days) * len(names)
    return pl.DataFrame(
        {"date": np.repeat(np.array(days, dtype="datetime64[D]"), len(names)),
         "factor": names * len(days), "exposure": rng.normal(0, 0.3, rows),
         "factor_return": rng.normal(0, 0.01, rows), "part": rng.normal(0, 0.0003, rows)},
        schema_overrides={"date": pl.Date},
    ).with_columns(
        pl.when(pl.col("factor") != "specific").then("exposure").alias("exposure"),
    )  # fmt: skip


def exposures_of(kind, names, count):
    rng = np.random.default_rng(3)
    days = days_of(count)
    rows = len(days) * len(names)
    return pl.DataFrame(
        {"date": np.repeat(np.array(days, dtype="datetime64[D]"), len(names)),
         kind: list(names) * len(days), "active": rng.normal(0, 0.1, rows)},
        schema_overrides={"date": pl.Date},
    )  # fmt: skip


def risk_of():
    return pl.DataFrame(
        [(method, level, None if method == "peaks_over_threshold" and level == 0.95 else 0.02,
          0.03, 149)
         for method in ("historical", "filtered", "cornish_fisher", "peaks_over_threshold")
         for level in (0.95, 0.99)],
        schema=["method", "level", "var", "cvar", "n"], orient="row",
    )  # fmt: skip


def risk_tests_of():
    tests = {"unconditional_coverage": 0.4, "independence": 0.0004, "conditional_coverage": 0.03,
             "expected_shortfall": None}  # fmt: skip
    return pl.DataFrame(
        [(method, level, test, 1.0, p, 14, 12.5, 250)
         for method in ("historical", "filtered") for level in (0.95, 0.99)
         for test, p in tests.items()],
        schema=["method", "level", "test", "statistic", "p_value", "beyond", "expected", "n"],
        orient="row",
    )  # fmt: skip


def falls_of():
    start = date(2022, 2, 1)
    return pl.DataFrame(
        [(start, start + timedelta(days=20), None, 0.2, 20, 30),
         (date(2022, 1, 5), date(2022, 1, 9), date(2022, 1, 20), 0.05, 4, 15),
         (date(2022, 1, 22), date(2022, 1, 23), date(2022, 1, 24), 0.001, 1, 2)],
        schema=["start", "trough", "recovery", "depth", "fall", "length"], orient="row",
    )  # fmt: skip


def windows_of(**named):
    day = date(2022, 2, 1)
    figures = {"first": day, "last": day + timedelta(days=7), "portfolio": -0.04,
               "benchmark": -0.06, "excess": 0.02, "max_drawdown": 0.05}  # fmt: skip
    return [{**named, **figures}]


def months_starts(count):
    return sorted({day.replace(day=1) for day in days_of(count)[1:]})


def months_of(count):
    rows = []
    for place, month in enumerate(months_starts(count)):
        made = 0.02 * (-1) ** place
        rows.append(
            {"month": month, "sessions": 20, "portfolio": made, "benchmark": 0.01,
             "excess": made - 0.01, "holdings": made + 0.004, "cost": -0.003, "dividends": 0.0,
             "trading": -0.001, "turnover": 1.2, "worst_day": month + timedelta(days=4),
             "worst_day_return": -0.012, "trades": 120, "unfilled": 3, "splits": 1,
             "delistings": 1}
        )  # fmt: skip
    return pl.DataFrame(rows)


def contributors_of(count):
    return pl.DataFrame(
        [(month, f"{1300 + place}0", sign * 0.001 * (6 - place), 0.02, side, place)
         for month in months_starts(count)
         for side, sign in (("top", 1), ("worst", -1))
         for place in range(1, 6)],
        schema=["month", "code", "contribution", "mean_weight", "side", "rank"], orient="row",
    )  # fmt: skip


def month_sectors_of(count, sectors):
    return pl.DataFrame(
        [(month, name, 0.001 * (place - 5), 0.03)
         for month in months_starts(count) for place, name in enumerate(sectors_of(sectors))],
        schema=["month", "sector", "contribution", "mean_weight"], orient="row",
    )  # fmt: skip


def events_of(count, each=1):
    rows = []
    for month in months_starts(count):
        rows.append((month + timedelta(days=2), month, "13010", "split", "100 shares more"))
        rows.append((month + timedelta(days=3), month, "13020", "delisted", "400 shares at 123.5"))
        rows += [
            (month + timedelta(days=4 + n % 20), month, f"{1300 + n}0", "unfilled",
             f"buy {100 * (n + 1)}: limit_up")
            for n in range(each)
        ]  # fmt: skip
    return pl.DataFrame(rows, schema=["date", "month", "code", "what", "detail"], orient="row")


def slices_of():
    groups = {"year": ("2022", "2023"), "weekday": ("Monday", "Friday"),
              "volatility": ("calm", "usual", "volatile"), "market": ("up", "down")}  # fmt: skip
    return pl.DataFrame(
        [(cut, value, 40, 0.001 * place, None if value == "calm" else 0.0004, 0.245 * place, 0.001,
          0.0) for cut, values in groups.items() for place, value in enumerate(values)],
        schema=["slice", "value", "n", "excess", "error", "annual_excess", "portfolio",
                "benchmark"], orient="row",
    )  # fmt: skip


def costs_of():
    return pl.DataFrame(
        [(multiple, 0.1, 0.08 - 0.03 * multiple, 0.02, 0.5, 149) for multiple in (0.0, 1.0, 5.0)],
        schema=["multiple", "annual_return", "annual_excess", "excess_error", "sharpe", "n"],
        orient="row",
    )  # fmt: skip


def capacity_of():
    return pl.DataFrame(
        [(m, 1e9 * m, 100.0 * m**0.5, 0.08 - 0.01 * m**0.5, 0.05 * m)
         for m in (0.1, 1.0, 10.0, 100.0, 10_000.0)],
        schema=["multiple", "capital", "impact_bps", "annual_excess", "participation"],
        orient="row",
    )  # fmt: skip


def exit_of(count):
    return pl.DataFrame(
        {"date": days_of(count), "within_1": [0.4] * count, "within_5": [0.8] * count,
         "within_20": [1.0] * count, "longest": [12.0] * count, "untraded": [0.0] * count}
    )  # fmt: skip


def measures_of(value=0.05):
    names = ("annual_return", "excess_return", "sharpe", "max_drawdown", "turnover",
             "cost_drag_bps")  # fmt: skip
    return {f"portfolio.{name}": {"value": value, "low": -0.01, "high": 0.11, "n": 149}
            for name in names}  # fmt: skip


def facts_of():
    return {
        "currency": "JPY",
        "sessions_per_year": 245,
        "attribution": {"break_even_cost_multiple": 2.5, "break_even_capital": 3.2e9},
        "tail": {"threshold": 0.012, "shape": 0.25, "scale": 0.01, "excesses": 15.0, "n": 149.0},
        "baselines_left_out": {},
        "statistics": {
            "excess_ratio": {"probability": 0.97, "n": 149},
            "excess_mean": {"value": 0.0002, "low": -0.0001, "high": 0.0005, "n": 149},
            "sharpe_less_benchmark": {"difference": 0.05, "low": 0.01, "high": 0.09,
                                      "p_value": 0.02},
            "minimum_track_record": 300.0,
        },
    }  # fmt: skip


def account_of(count=150, *, num_sectors=12, each=1, **changes):
    """Everything; a keyword replaces a frame, None leaves it out."""
    parts = parts_of(count)
    frames = {
        "baselines": baselines_of(count),
        "parts": parts,
        "parts_whole": totals_of(parts, None),
        "parts_by_year": totals_of(parts, "1y"),
        "sectors_whole": sectors_whole_of(num_sectors),
        "factors": factors_of(count, num_sectors),
        "styles": exposures_of("style", STYLES, count),
        "sectors": exposures_of("sector", sectors_of(num_sectors), count),
        "risk": risk_of(),
        "risk_tests": risk_tests_of(),
        "drawdowns": falls_of(),
        "worst_sessions": pl.DataFrame({"date": days_of(3), "made": [-0.03, -0.02, -0.01],
                                        "benchmark": [-0.02, -0.03, 0.0],
                                        "excess": [-0.01, 0.01, -0.01]}),
        "worst_windows": pl.DataFrame([*windows_of(sessions=1, rank=1),
                                       *windows_of(sessions=5, rank=1),
                                       *windows_of(sessions=5, rank=2)]),
        "named_windows": pl.DataFrame(windows_of(window="2024-08", sessions=6)),
        "exit": exit_of(count),
        "cost_sensitivity": costs_of(),
        "capacity": capacity_of(),
        "slices": slices_of(),
        "months": months_of(count),
        "contributors": contributors_of(count),
        "month_sectors": month_sectors_of(count, num_sectors),
        "events": events_of(count, each),
    }  # fmt: skip
    chosen = {name: frame for name, frame in {**frames, **changes}.items() if frame is not None}
    return Account(
        daily=daily_of(count),
        frames=chosen,
        facts=facts_of(),
        rules={name: measures_of() for name in ("universe", "momentum", "low_volatility",
                                                "index")},
        names=pl.DataFrame(
            {"code": ["13010", "13020"], "name_en": ["Co <A> & B", None],
             "name_ja": [HOSTILE_NAME, "二"]}
        ),
    )  # fmt: skip


def luck_of(**changes):
    content = {"tries": 12, "horizon": 5, "ratio": 0.21, "deflated": 0.962, "overfitting": 0.11,
               "counted": 7}  # fmt: skip
    return Luck(**{**content, **changes})
