"""Live skill: what published scores were worth once their labels were known.

``HOME/live/SOURCE/BUNDLE.parquet`` has a row per session and horizon, from the publications as they
stand, never from scoring again. A row is made when the label of its session is due, from the names
whose label is known then: one whose exit is suspended comes later and is left out, so that the row
does not depend on the evening that makes it. Rows that are there stay.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.cross_section import CrossSection, by_session, rank_ic, top_excess
from gogooku.core.files import (
    locked,
    read_parquet,
    storage_errors,
    sync_path,
    write_parquet,
    write_point,
)
from gogooku.core.metrics import FloatArray, mean_estimate
from gogooku.core.seal import open_sealed
from gogooku.core.types import Dataset
from gogooku.dataset.label_files import LabelFiles
from gogooku.evaluate.significance import paired_difference
from gogooku.publish.publication import (
    RANKING,
    Publication,
    open_publication,
    published_sessions,
)
from gogooku.releases.bundle import Bundle
from gogooku.watch.cusum import IN_CONTROL_SESSIONS, Chart

SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "session": pl.Date(),
    "horizon": pl.Int32(),
    "names": pl.Int32(),
    "rank_ic": pl.Float64(),
    "top_k": pl.Int32(),
    "top_excess": pl.Float64(),
    "publication": pl.String(),
}
"""Session and horizon of published scores; names with a score and a known label; RankIC; mean label
of the top K less that of all names; hash of the publication. Null where the session does not count.
"""


def live_folder(home: Path, source: str) -> Path:
    """Where the live skill of a source is kept."""
    return home / "live" / source


def live_path(home: Path, source: str, bundle: str) -> Path:
    """Where the live skill of a bundle is kept."""
    return live_folder(home, source) / f"{bundle}.parquet"


def read_live(home: Path, source: str, bundle: str) -> pl.DataFrame:
    """Live skill of a bundle so far, by session and horizon; empty before anything matured.

    Raises
    ------
    DataError
        The file is damaged.
    """
    path = live_path(home, source, bundle)
    return read_parquet(path) if path.exists() else pl.DataFrame(schema=dict(SCHEMA))


def judge_matured(home: Path, bundle: Bundle, dataset: Dataset) -> int:
    """Add what matured since to the live skill of a bundle; returns how many rows that is.

    Raises
    ------
    DataError
        A publication, a label or the file is damaged.
    BusyError
        Another process is doing the same.
    """
    path = live_path(home, bundle.source, bundle.bundle_id)
    with locked(path):
        before = read_live(home, bundle.source, bundle.bundle_id)
        done = set(before.select("session", "horizon").rows())
        rows = list(_matured(home, bundle, dataset, done))
        if rows:
            new = pl.DataFrame(rows, schema=dict(SCHEMA))
            _replace(path, pl.concat([before, new]).sort("session", "horizon"))
    return len(rows)


def _replace(path: Path, frame: pl.DataFrame) -> None:
    """Write a frame in the place of another, whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    with storage_errors(path):
        write_parquet(frame, temporary)
        sync_path(temporary)
        os.replace(temporary, path)
    write_point("live.added")


def _matured(
    home: Path, bundle: Bundle, dataset: Dataset, done: set[tuple[date, int]]
) -> Iterator[dict[str, Any]]:
    """Rows of `SCHEMA` that are due and not done."""
    folder = dataset.folder / "labels"
    horizons = [int(one) for one in open_sealed(folder).manifest["horizons"]]
    labels = LabelFiles.read(folder).rows()
    top_k, last = int(bundle.tested_scores["top_k"]), len(dataset.sessions) - 1
    for day in published_sessions(home, bundle.source, bundle.bundle_id):
        place = np.flatnonzero(dataset.sessions == np.datetime64(day))
        due = [
            h
            for h, horizon in enumerate(horizons)
            if len(place) and place[0] + 1 + horizon <= last and (day, horizon) not in done
        ]
        if not due:
            continue
        t = int(place[0])
        made = open_publication(home, bundle.source, day, bundle.bundle_id)
        values, late = np.asarray(labels["raw"][t]), np.asarray(labels["late"][t])
        for h in due:
            label = np.where(late[:, h] == 0, values[:, h], np.nan)
            scores = _dense(made, horizons[h], dataset.codes)
            if scores is not None:
                yield {
                    "session": day,
                    "horizon": horizons[h],
                    **skill_of(scores, label, top_k=top_k),
                    "publication": made.content_hash,
                }


def _dense(made: Publication, horizon: int, codes: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """Published scores of a horizon by name, NaN where there is none; None for an unscored one."""
    frame, column = made.frame(RANKING), f"score_{horizon}"
    if column not in frame.columns:
        return None
    found = pl.DataFrame({"code": codes}).join(
        frame.select("code", column), on="code", how="left", maintain_order="left"
    )
    return found.get_column(column).cast(pl.Float64).fill_null(float("nan")).to_numpy()


def skill_of(score_N: FloatArray, label_N: FloatArray, *, top_k: int) -> dict[str, Any]:
    """Names, RankIC and the excess of the top K of one session; None where it does not count."""
    score, label = score_N[None, :], label_N[None, :].astype(np.float64)
    daily = by_session({"rank_ic": rank_ic, "top_excess": top_excess(top_k)}, score, label)
    found = {name: float(values[0]) for name, values in daily.items()}
    return {
        "names": int(CrossSection(score, label).num_names[0]),
        "top_k": top_k,
        **{name: value if np.isfinite(value) else None for name, value in found.items()},
    }


# ---------------------------------------------------------------------------------- what it says


def live_skill(live: pl.DataFrame, skill: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Live skill of each horizon against what the scorecard promised.

    Parameters
    ----------
    live : polars.DataFrame
        With `SCHEMA`.
    skill : mapping
        ``skill`` of a scorecard: ``h5.rank_ic`` and the like.

    Returns
    -------
    list of dict
        horizon; rank_ic and top_excess (value, n, interval); ``promised``; ``cusum``: the sum now,
        reference value and threshold, sessions in control, and the session of the first alarm; None
        where the scorecard promises nothing.
    """
    found = []
    for (horizon,), rows in live.sort("horizon", "session").group_by(
        "horizon", maintain_order=True
    ):
        length = int(str(horizon))
        promise = skill.get(f"h{length}.rank_ic", {})
        daily = {name: _array(rows, name) for name in ("rank_ic", "top_excess")}
        found.append(
            {
                "horizon": length,
                "first": str(rows.get_column("session").min()),
                "last": str(rows.get_column("session").max()),
                **{
                    name: mean_estimate(values, horizon=length).to_json()
                    for name, values in daily.items()
                },
                "promised": promise.get("value"),
                "cusum": _cusum(rows, promise, length),
            }
        )
    return found


def _array(rows: pl.DataFrame, name: str) -> FloatArray:
    return rows.get_column(name).fill_null(float("nan")).to_numpy()


def _cusum(rows: pl.DataFrame, promise: Mapping[str, Any], horizon: int) -> dict[str, Any] | None:
    chart = Chart.of(
        promised=promise.get("value"),
        error=promise.get("error"),
        n=int(promise.get("n") or 0),
        horizon=horizon,
    )
    if chart is None:
        return None
    counted = rows.drop_nulls("rank_ic")
    daily = counted.get_column("rank_ic").to_numpy()
    path, alarm = chart.path(daily), chart.first_alarm(daily)
    days = counted.get_column("session")
    return {
        "value": float(path[-1]) if len(path) else 0.0,
        "reference": chart.reference,
        "threshold": chart.threshold,
        "in_control_sessions": IN_CONTROL_SESSIONS,
        "block_sessions": chart.block,
        "first_alarm": None if alarm is None else str(days[alarm - 1]),
    }


def against(live: pl.DataFrame, released: pl.DataFrame) -> list[dict[str, Any]]:
    """Paired differences of RankIC of one bundle less that of the released one, by horizon.

    Over the sessions that both published; see `gogooku.evaluate.significance.paired_difference`.
    """
    both = live.join(released, on=["session", "horizon"], suffix="_released").sort(
        "horizon", "session"
    )
    out = []
    for (horizon,), rows in both.group_by("horizon", maintain_order=True):
        length = int(str(horizon))
        test = paired_difference(
            _array(rows, "rank_ic"), _array(rows, "rank_ic_released"), horizon=length
        )
        row = {key: value if np.isfinite(value) else None for key, value in test.row().items()}
        out.append({"horizon": length, **row})
    return out
