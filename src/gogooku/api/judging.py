"""Scores from elsewhere, judged in one call."""

from __future__ import annotations

from pathlib import Path

from gogooku.api.dataset import Dataset
from gogooku.api.home import Home
from gogooku.api.results import Run, Settings


def judge(
    frame: object,
    home: Home | str | Path | None = None,
    *,
    name: str = "scores",
    data: Dataset | str | None = None,
    horizon: int | None = None,
    settings: Settings | None = None,
    drop_unknown: bool = False,
) -> Run:
    """Judge scores that were made elsewhere: `Home.judge` of a home.

    Parameters
    ----------
    frame : frame of polars or pandas
        (date, code, score), and horizon where a name has several scores of a date.
    home : Home or path, optional
        ``GOGOOKU_HOME``, or ``~/.gogooku``, by default.
    name, data, horizon, settings, drop_unknown
        As `Home.judge`.

    Raises
    ------
    UsageError, DataError
        As `Home.judge`; or there is no such home.

    Examples
    --------
    >>> mine = gg.judge(run.scores(), home, name="mine")
    >>> mine.metrics().filter(measure="h5.rank_ic").get_column("n").item() > 20
    True
    """
    place = home if isinstance(home, Home) else Home(home)
    return place.judge(
        frame,
        name=name,
        data=data,
        horizon=horizon,
        settings=settings,
        drop_unknown=drop_unknown,
    )
