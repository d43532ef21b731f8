"""A run that is served by its name, released or not: the model is run for what is asked.

For research: a session of the dataset by any run, not what was published. Each answer takes the
time that the model takes, one after the other; more than a few that wait are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gogooku import __version__
from gogooku.predict.predictor import Predictor
from gogooku.serve.answers import Answer, Later, json_bytes, said
from gogooku.serve.fresh import Fresh
from gogooku.serve.pages import DATE, HORIZON, TOP, Page

DEFAULT_HORIZON = 5


class Research:
    """The pages of a run.

    Parameters
    ----------
    fresh : Fresh of Predictor
    follows : sequence of str
        What may change, in words: ``run``, ``dataset``; nothing where both were named.
    """

    def __init__(self, fresh: Fresh[Predictor], *, follows: Sequence[str] = ()) -> None:
        self._fresh = fresh
        self._follows = tuple(follows)

    def pages(self) -> Sequence[Page]:
        """All of them."""
        return (
            Page("/health", "Whether it answers.", self._health, is_open=True),
            Page("/version", "What answers now.", self._version),
            Page(
                "/ranking",
                "The names of a session, the best first.",
                self._ranking,
                parameters=(DATE, HORIZON, TOP),
            ),
        )

    def _health(self, given: Mapping[str, Any]) -> Answer:
        del given
        return said({"status": "ok"})

    def _version(self, given: Mapping[str, Any]) -> Answer:
        del given
        predictor = self._fresh.now()
        return said(
            {
                "gogooku": __version__,
                "run": predictor.run.run_id,
                "dataset": predictor.dataset.folder.name,
                "newest_session": str(predictor.newest),
                "clock": str(predictor.dataset.clock),
                "code": predictor.run.stamp.code_hash,
                "follows": list(self._follows),
                "stale": self._fresh.stale or None,
            }
        )

    def _ranking(self, given: Mapping[str, Any]) -> Later:
        predictor = self._fresh.now()
        horizon = given.get("horizon", DEFAULT_HORIZON)

        def make() -> Answer:
            made = predictor.ranking(given.get("date"), horizon=horizon)
            return Answer(json_bytes(made.to_json(top=given.get("top"))))

        return Later(make)
