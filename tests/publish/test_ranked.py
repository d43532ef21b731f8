"""The published ranking: names, and where each stood the session before."""

from datetime import UTC, date, datetime

import polars as pl

from gogooku.predict.predictor import Ranking
from gogooku.publish.publication import RANKING, RANKING_COLUMNS, Content, publish
from gogooku.publish.ranked import ranked

DAY = date(2026, 11, 27)
NAMES = pl.DataFrame(
    {"code": ["13010", "13050"], "name_en": ["KYOKUYO", "ETF"], "name_ja": ["極洋", "上場投信"]}
)


def ranking(*codes):
    frame = pl.DataFrame(
        {
            "rank": pl.Series(range(1, len(codes) + 1), dtype=pl.Int32),
            "code": list(codes),
            "sector": [None, *["3050"] * (len(codes) - 1)],
            "close": [100.0 + n for n in range(len(codes))],
            "score_5": [1.0 - n for n in range(len(codes))],
        }
    )
    return Ranking(
        date=DAY, clock="evening", frame=frame, horizon=5, run_id="r", dataset="d", forecast=None
    )


def test_names_are_joined_and_one_without_stays():
    made = ranked(ranking("13050", "99990", "13010"), NAMES, None)
    assert made.columns == [*RANKING_COLUMNS, "score_5"]
    assert made.get_column("rank").to_list() == [1, 2, 3]
    assert made.get_column("name_ja").to_list() == ["上場投信", None, "極洋"]
    assert made.get_column("before").to_list() == [None, None, None]


def test_the_rank_before_is_that_of_the_publication_before(tmp_path):
    first = ranked(ranking("13010", "13050"), NAMES, None)
    content = Content(frames={RANKING: first})
    at = datetime(2026, 11, 26, 12, tzinfo=UTC)
    old = publish(tmp_path, "tse", date(2026, 11, 26), "b", content, inputs={}, at=at)
    made = ranked(ranking("13050", "99990", "13010"), NAMES, old)
    assert made.select("code", "before").rows() == [("13050", 2), ("99990", None), ("13010", 1)]
