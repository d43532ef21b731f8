"""The newest ranking of a run: places, moves, and what companies are called."""

import shutil
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.runs.newest import company_names, is_simulated, newest_ranking, source_of


def test_places_are_those_of_the_last_test_session_and_of_the_one_before(home, ridge):
    found = newest_ranking(ridge, source_of(home, ridge), horizon=5)
    scored = ridge.predictions("test").filter(horizon=5)
    before, last = scored.get_column("date").unique().sort().to_list()[-2:]
    dataset = ridge.dataset(home)
    indices, scores = ridge.scores("test", dataset)
    for day, column in ((last, "rank"), (before, "before")):
        row = scores[np.flatnonzero(dataset.sessions[indices] == np.datetime64(day))[0], :, 1]
        place = {code: row[n] for n, code in enumerate(dataset.codes) if np.isfinite(row[n])}
        order = sorted(place, key=lambda code: (-place[code], code))
        wanted = {code: n + 1 for n, code in enumerate(order)}
        pairs = dict(found.select("code", column).drop_nulls().iter_rows())
        assert pairs == {code: wanted[code] for code in pairs}
        assert column == "before" or len(pairs) == len(wanted)
    assert found.get_column("date").unique().to_list() == [last]
    assert found.get_column("rank").to_list() == list(range(1, found.height + 1))
    assert found.get_column("score").is_sorted(descending=True)
    assert found.get_column("name_en").str.starts_with("Sandbox").all()


def fake(run, rows):
    """A run with predictions of its own."""
    frame = pl.DataFrame(rows, schema=["fold", "date", "code", "horizon", "score"], orient="row")

    class Fake:
        predictions = staticmethod(lambda part: frame)

    return Fake()


DAY, NEXT = date(2024, 1, 4), date(2024, 1, 5)


def test_ties_are_in_the_order_of_codes_and_the_last_fold_counts(ridge):
    rows = [(0, DAY, "a", 5, 9.0), (1, DAY, "a", 5, 1.0), (1, DAY, "c", 5, 2.0),
            (1, DAY, "b", 5, 2.0), (1, DAY, "a", 1, 7.0)]  # fmt: skip
    found = newest_ranking(fake(ridge, rows), None, horizon=5)
    assert found.select("rank", "code", "score").rows() == [(1, "b", 2.0), (2, "c", 2.0),
                                                            (3, "a", 1.0)]  # fmt: skip
    assert found.get_column("before").to_list() == [None] * 3
    assert found.get_column("name_en").to_list() == [None] * 3


def test_who_was_not_ranked_before_has_no_place_before(ridge):
    rows = [(0, DAY, "a", 5, 1.0), (0, NEXT, "a", 5, 1.0), (0, NEXT, "b", 5, 2.0)]
    found = newest_ranking(fake(ridge, rows), None, horizon=5)
    assert found.select("code", "before").rows() == [("b", None), ("a", 1)]


class Named:
    """A source that dates its names, or not."""

    def __init__(self, facts, listings):
        self.listing_facts, self.listings = lambda: facts, lambda: listings


def test_companies_are_called_what_they_were_called_last():
    facts = pl.DataFrame(
        {"code": ["1", "1", "2"], "valid_from": [date(2023, 1, 1), date(2020, 1, 1)] * 1
         + [date(2020, 1, 1)], "name": ["新", "旧", "二"], "name_en": ["New", "Old", None]}
    )  # fmt: skip
    assert company_names(Named(facts, None)).sort("code").rows() == [
        ("1", "New", "新"), ("2", None, "二")
    ]  # fmt: skip
    listed = pl.DataFrame({"code": ["1"], "name": ["One"]})
    assert company_names(Named(None, listed)).rows() == [("1", "One", "One")]


def test_a_source_that_is_gone_has_no_names(home, ridge):
    assert source_of(home, ridge).name == "tiny"
    shutil.rmtree(home / "sources")
    assert source_of(home, ridge) is None
    assert newest_ranking(ridge, None, horizon=5).get_column("name_en").null_count() > 0


@pytest.mark.parametrize(
    ("name", "simulated"),
    [("sandbox", True), ("sandbox-as-known-2026-01-01", True), ("jquants", False),
     ("sandboxes", False)],
)  # fmt: skip
def test_the_name_of_a_source_gives_a_sandbox_away(name, simulated):
    assert is_simulated(name, None) is simulated


def test_a_planted_truth_gives_a_sandbox_away(home, ridge):
    source = source_of(home, ridge)
    assert is_simulated("tiny", source)
    files = {name: one for name, one in source.manifest["files"].items() if "truth" not in name}
    bare = replace(source, manifest={**source.manifest, "files": files})
    assert not is_simulated("tiny", bare)
