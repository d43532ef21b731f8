"""Law 6: the score that is served is the score that was evaluated, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gogooku.core.types import Dataset
from gogooku.predict.predictor import Predictor
from gogooku.runs.folder import Run
from support.asking import Asking, ask_run
from support.law_world import trained

KEY = "a key of the test"
NAMES = ("ridge", "lightgbm", "reversal", "atft-gat-fan", "apex-ranker")


@pytest.fixture(scope="module", params=NAMES)
def run(request: pytest.FixtureRequest, law_home: Path, basic_dataset: Dataset) -> Run:
    return trained(law_home, request.param, basic_dataset)


@pytest.fixture
def predictor(run: Run, basic_dataset: Dataset) -> Predictor:
    return Predictor(run, basic_dataset)


Scores = dict[tuple[str, int], bytes]


def bits(frame: pl.DataFrame) -> Scores:
    """Scores of one session as bytes, by code and horizon."""
    rows = frame.select("code", "horizon", "score").iter_rows()
    return {(code, horizon): np.float32(score).tobytes() for code, horizon, score in rows}


def evaluated(run: Run, day: date) -> Scores:
    return bits(run.predictions("test").filter(pl.col("date") == day))


def served(client: Asking, day: date) -> Scores:
    answer = client("/ranking", date=str(day))
    assert answer.status_code == 200, answer.text
    return {
        (row["code"], int(name.removeprefix("score_"))): np.float32(value).tobytes()
        for row in answer.json()["ranking"]
        for name, value in row.items()
        if name.startswith("score_")
    }


def disagreements(run: Run, predictor: Predictor) -> list[str]:
    """Test sessions whose evaluated, ranked and served scores are not the same bits."""
    days = run.predictions("test").get_column("date").unique().sort().to_list()
    client = ask_run(predictor)
    found = []
    for day in (days[0], days[len(days) // 2], days[-1]):
        expected = evaluated(run, day)
        assert len(expected) > 100
        if bits(predictor.ranking(day).forecast.frame) != expected:
            found.append(f"{day}: ranking")
        if served(client, day) != expected:
            found.append(f"{day}: HTTP")
    return found


def test_evaluated_ranked_and_served_scores_are_the_same_bits(run: Run, predictor: Predictor):
    assert disagreements(run, predictor) == []


def test_the_last_session_is_the_newest_of_the_dataset(run: Run, predictor: Predictor):
    last = run.predictions("test").get_column("date").max()
    assert predictor.newest == last
    newest = ask_run(predictor)("/ranking").json()
    assert newest["date"] == str(last)


def test_scores_do_not_depend_on_the_other_sessions_asked_for(
    run: Run, predictor: Predictor, basic_dataset: Dataset
):
    last = len(basic_dataset.sessions) - 1
    checkpoint = predictor.checkpoint_for(predictor.newest)
    alone = checkpoint.scores(basic_dataset, np.array([last]))[0]
    for others in ([last - 1, last], [0, 100, last], list(range(last - 20, last + 1))):
        together = checkpoint.scores(basic_dataset, np.array(others))[-1]
        assert together.tobytes() == alone.tobytes()


class Noisy:
    """A checkpoint whose last bit depends on how many sessions are asked for."""

    def __init__(self, honest):
        self.honest = honest
        self.horizons, self.trained_through = honest.horizons, honest.trained_through

    def scores(self, dataset, indices):
        made = self.honest.scores(dataset, indices)
        return np.nextafter(made, np.float32(9.0)) if len(indices) == 1 else made


def test_one_bit_of_noise_in_serving_is_caught(run: Run, predictor: Predictor):
    predictor.checkpoints = [Noisy(one) for one in predictor.checkpoints]
    assert len(disagreements(run, predictor)) == 6


def test_a_rounded_answer_is_caught(
    run: Run, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
):
    honest = predictor.ranking

    def rounded(day=None, *, horizon=5):
        made = honest(day, horizon=horizon)
        return replace(made, frame=made.frame.with_columns(pl.selectors.float().round(2)))

    monkeypatch.setattr(predictor, "ranking", rounded)
    found = disagreements(run, predictor)
    assert [text.rpartition(" ")[2] for text in found] == ["HTTP"] * 3


# ----------------------------------------------------------------------------------------- keys

PATHS = ("/ranking", "/version", "/", "/docs", "/openapi.json", "/nothing/here", "/health/more")


@pytest.mark.parametrize("key", [None, "", "another key"])
@pytest.mark.parametrize("path", PATHS)
def test_everything_but_health_needs_a_key(predictor: Predictor, path: str, key):
    client = ask_run(predictor)
    for method in ("GET", "POST", "HEAD", "OPTIONS"):
        assert client(path, method=method, key=key).status_code == 401, method
    assert client("/health", key=None).json() == {"status": "ok"}


def test_an_unknown_path_with_a_key_is_not_found(predictor: Predictor):
    assert ask_run(predictor)("/nothing").status_code == 404
