"""What a dashboard shows, made up: whole, or without some of its parts; and a home that has it."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from gogooku.core.files import write_json, write_parquet
from gogooku.dashboard.shown import Shown
from gogooku.dashboard.why import WHY
from gogooku.publish.orders import ORDER_SCHEMA, PORTFOLIO, TARGET_SCHEMA
from gogooku.publish.publication import ORDERS, RANKING, TARGET, Content, publish
from gogooku.watch.live import SCHEMA, live_path
from gogooku.watch.status import status_path
from gogooku.watch.summary import evening_path
from support.published import AT, SESSIONS, SOURCE, release

HOSTILE = '</script><script>alert("x")</script>'
DAY = date(2026, 11, 27)
SEATS, NAMES = 12, 60
SECTORS = ("3050", "3650", "7050", "5250", None)
SKILL = {"h5.rank_ic": {"value": 0.05, "error": 0.01, "n": 200}}


def ranking(day=DAY, *, hostile=True):
    """Names of a session; the best one has a hostile company name, another one none."""
    rng = np.random.default_rng(day.toordinal())
    codes = [f"{1301 + n}0" for n in range(NAMES - 1)] + ["25935"]
    english = [f"Company {code}" for code in codes]
    japanese = [f"会社{code}" for code in codes]
    japanese[3] = "株式会社とても長い名前のホールディングス・アンド・パートナーズ"
    if hostile:
        english[0] = japanese[0] = HOSTILE
    english[-1] = japanese[-1] = None
    scores = np.round(rng.normal(size=(2, NAMES)), 6).astype(np.float32)
    scores[:, 0] = 4.0
    frame = pl.DataFrame(
        {
            "code": codes,
            "name_ja": japanese,
            "name_en": english,
            "sector": [SECTORS[n % len(SECTORS)] for n in range(NAMES)],
            "close": rng.uniform(100, 9_000, NAMES).round(1),
            "score_1": scores[0],
            "score_5": scores[1],
            "q0.1_5": scores[1] - 1.0,
        }
    ).sort("score_5", descending=True)
    rank = pl.int_range(1, NAMES + 1, dtype=pl.Int32, eager=True)
    before = pl.Series("before", [None, *range(1, NAMES)], dtype=pl.Int32)
    return frame.insert_column(0, rank.alias("rank")).insert_column(1, before)


def target_of(frame):
    """A target of the first names, and one that is sold."""
    chosen = [*frame.head(SEATS).to_dicts(), frame.to_dicts()[-1]]
    rows = [
        {
            **{key: row[key] for key in ("code", "name_ja", "name_en")},
            "weight": 0.08 if n < SEATS else 0.0,
            "shares": 200 if n < SEATS else 0,
            "price": row["close"],
            "value": 200.0 * row["close"] if n < SEATS else 0.0,
            "seat": 1 if n < SEATS else 0,
            "held": 100,
            "ordered": 100 if n < SEATS else -100,
            "left": "participation, cash" if n == 1 else "",
        }
        for n, row in enumerate(chosen)
    ]
    return pl.DataFrame(rows, schema=dict(TARGET_SCHEMA))


def orders_of(target):
    """The orders of a target: the sale first."""
    rows = [
        {
            "side": "buy" if row["seat"] else "sell",
            **{key: row[key] for key in ("code", "name_ja", "name_en")},
            "shares": 100,
            "reference_price": row["price"],
            "value": 100.0 * row["price"],
            "reason": "bigger" if row["seat"] else "left the ranking",
        }
        for row in reversed(target.to_dicts())
    ]
    return pl.DataFrame(rows, schema=dict(ORDER_SCHEMA))


def why_of(frame):
    """What three features add to the score of the first names."""
    rows = [
        {"code": code, "method": "exact", "feature": name, "value": 1.25, "contribution": added}
        for code in frame.head(SEATS).get_column("code")
        for name, added in (
            ("ret_prev_20d", 0.5),
            ("a_feature_with_a_long_name_20d", -0.2),
            (HOSTILE, 0.1),
        )
    ]
    return pl.DataFrame(rows)


def frames(day=DAY, *, hostile=True):
    """All that a publication has."""
    made = ranking(day, hostile=hostile)
    target = target_of(made)
    return {RANKING: made, TARGET: target, ORDERS: orders_of(target), WHY: why_of(made)}


ACCOUNT = {
    "basis": "target",
    "decided": str(DAY),
    "sized": "new",
    "currency": "JPY",
    "cash": 3e6,
    "cash_after": 1e6,
    "equity": 1e8,
    "lot": 100,
    "notes": [],
}


def check(name, of, *, failed):
    return {"name": name, "of": of, "value": 2.0, "limit": 1.0, "below": False,
            "says": f"{of}: seen", "failed": failed}  # fmt: skip


def measured(**changes):
    """What the watch measured."""
    table = {"newest": "2026-11-27", "expected": "2026-11-27", "late_sessions": 0, "rows": 4000,
             "rows_least": 3900, "coverage": 1.03}  # fmt: skip
    return {
        "kind": "status",
        "source": SOURCE,
        "top_k": 30,
        "tables": [
            {**table, "table": "quotes"},
            {**table, "table": "statements", "late_sessions": 2, "newest": "2026-11-25"},
            {**table, "table": "own_table", "newest": None, "rows": 0, "rows_least": None},
        ],
        "scores": {"5": {"names": 60.0, "mean": 0.0, "spread": 1.02, "tied": 0.0,
                         "autocorrelation": 0.91, "overlap": 0.75}},
        "exposure": {
            "traits": {"beta": -0.4, "size": 0.7, "momentum": None},
            "sectors": [],
            "portfolio": {"traits": {"beta": -0.3, "size": 0.6, "momentum": None}},
        },
        "drift": {"worst": []},
        "nulls": {"worst": []},
        "checks": [check("late", "statements", failed=True), check("spread", "5", failed=False)],
        **changes,
    }  # fmt: skip


def evening(**changes):
    """How an evening ended."""
    at = "2026-11-27T20:40:00+09:00"
    steps = {"watch": 1.2, "sync": 30.0, "publish": 4.5, "build": 12.0}
    return {
        "kind": "evening",
        "at": at,
        "succeeded_at": at,
        "failed": None,
        "refused": [],
        "steps": {name: {"seconds": seconds, "at": at} for name, seconds in steps.items()},
        **changes,
    }


def live(*, mean=0.05, count=40):
    """Live skill of two horizons."""
    rng = np.random.default_rng(5)
    rows = [
        {"session": DAY - timedelta(days=count - n), "horizon": horizon, "names": 60,
         "rank_ic": float(mean + 0.02 * rng.normal()), "top_k": 30, "top_excess": 0.001,
         "publication": "0" * 16}
        for n in range(count)
        for horizon in (1, 5)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=dict(SCHEMA))


def nothing_live():
    return pl.DataFrame(schema=dict(SCHEMA))


def shown(**changes):
    """All of it."""
    whole = {
        "source": SOURCE,
        "exchange": "tokyo",
        "simulated": False,
        "bundle": "ridge-1",
        "run": "ridge-run",
        "released_at": AT,
        "session": DAY,
        "published_at": datetime(2026, 11, 27, 11, 40, tzinfo=UTC),
        "due": datetime(2026, 11, 30, 14, 0, tzinfo=UTC),
        "horizon": 5,
        "frames": frames(),
        "live": live(),
        "before": ranking(DAY - timedelta(days=1)),
        "before_session": DAY - timedelta(days=1),
        "account": ACCOUNT,
        "evening": evening(),
        "measured": measured(),
        "promised": SKILL,
    }
    return Shown(**{**whole, **changes})


def bare(**changes):
    """The first evening of a bundle, of which nothing but the ranking is there."""
    return shown(
        frames={RANKING: ranking()}, live=nothing_live(), before=None, before_session=None,
        account=None, evening=None, measured=None, promised={}, released_at=None, **changes,
    )  # fmt: skip


def publish_whole(home, name, day, *, hostile=True):
    """Publish a session of a bundle with everything, and what an evening leaves beside it."""
    made = frames(day, hostile=hostile)
    content = Content(
        frames=made,
        facts={"horizon": 5, "run": f"{name}-run", "names": NAMES, PORTFOLIO: ACCOUNT},
    )
    at = datetime.combine(day, AT.timetz())
    inputs = {"bundle": name, "dataset": f"data-{day}"}
    done = publish(home, SOURCE, day, name, content, inputs=inputs, at=at)
    place = status_path(home, SOURCE, day, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_json(place, measured())
    write_json(evening_path(home, SOURCE), evening())
    skill = live_path(home, SOURCE, name)
    skill.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(live(), skill)
    return done


def dashboard_home(home, *, days=SESSIONS[:4]):
    """A home with a released bundle and whole publications of some sessions."""
    home.mkdir(exist_ok=True)
    release(home, "ridge-1")
    for day in days:
        publish_whole(home, "ridge-1", day)
    return home
