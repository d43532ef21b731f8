"""A home with bundles and publications as the server reads them, made without any training."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from gogooku.core.artefact import new_artefact
from gogooku.core.calendar import tokyo_sessions
from gogooku.core.files import MANIFEST_FILE, write_json
from gogooku.publish.publication import ORDERS, RANKING, TARGET, Content, publish
from gogooku.releases import registry
from gogooku.releases.bundle import BUNDLE, SCORECARD_FILE, bundles_folder

SOURCE = "tse"
SESSIONS = tokyo_sessions(date(2026, 11, 2), date(2026, 12, 30)).tolist()
AT = datetime(2026, 11, 2, 11, 30, tzinfo=UTC)
HORIZONS = (1, 5)


def make_bundle(home, name):
    """What the server reads of a bundle."""
    with new_artefact(bundles_folder(home) / name) as building:
        write_json(building / SCORECARD_FILE, {"skill": {"h5.rank_ic": {"value": 0.05}}})
        write_json(
            building / MANIFEST_FILE,
            {
                "kind": BUNDLE,
                "name": name.rpartition("-")[0],
                "run": f"{name}-run",
                "learner": "ridge",
                "horizons": list(HORIZONS),
                "source": SOURCE,
                "exchange": "tokyo",
                "clock": "evening",
                "content_hash": name,
            },
        )
    return name


def release(home, name):
    """Make a bundle, unless it is there, and put it in service."""
    if not (bundles_folder(home) / name).exists():
        make_bundle(home, name)
    moves = len(registry.read_registry(home).history)
    registry.release(home, name, source=SOURCE, why="", at=AT + timedelta(minutes=moves))
    return name


def ranking_of(name, day, num_names=30):
    """Scores that are of a bundle and a session and of no other."""
    rng = np.random.default_rng([sum(name.encode()), day.toordinal()])
    codes = [f"{1301 + n}0" for n in range(num_names)]
    scores = rng.normal(size=(len(HORIZONS), num_names)).astype(np.float32)
    frame = pl.DataFrame(
        {
            "code": codes,
            "name_ja": [f"会社{code}" for code in codes],
            "name_en": [f"Company {code}" for code in codes],
            "sector": ["Foods" if n % 2 else None for n in range(num_names)],
            "close": rng.uniform(100, 5_000, num_names).round(1),
            **{f"score_{h}": row for h, row in zip(HORIZONS, scores, strict=True)},
        }
    ).sort("score_5", descending=True)
    rank = pl.int_range(1, num_names + 1, dtype=pl.Int32, eager=True)
    before = pl.Series("before", [None] * num_names, dtype=pl.Int32)
    return frame.insert_column(0, rank.alias("rank")).insert_column(1, before)


def put(home, name, day, *, more=None, num_names=30):
    """Publish a session of a bundle."""
    ranking = ranking_of(name, day, num_names)
    target = ranking.head(3).select("code", weight=pl.lit(1 / 3))
    frames = {RANKING: ranking, TARGET: target, ORDERS: target.select("code", side=pl.lit("buy"))}
    if more is not None:
        frames = {RANKING: ranking, **more}
    facts = {"horizon": 5, "run": f"{name}-run", "names": num_names}
    content = Content(frames=frames, facts=facts)
    at = datetime.combine(day, AT.timetz())
    inputs = {"bundle": name, "dataset": f"data-{day}"}
    return publish(home, SOURCE, day, name, content, inputs=inputs, at=at)
