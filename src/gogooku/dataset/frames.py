"""What a dataset holds, as long frames: features, labels and bars, a row per session and name.

Every frame is sorted by date and code and has a row for each listed name of each session that is
asked for. What is not known is null, never NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.codes import KnownCodes
from gogooku.core.errors import DataError, UsageError
from gogooku.core.files import readable
from gogooku.core.findings import did_you_mean, short
from gogooku.core.types import OUTCOMES, Dataset, IntArray
from gogooku.dataset.home import labels_of, read_bars
from gogooku.dataset.label_files import VARIANTS
from gogooku.dataset.reading import files_of
from gogooku.dataset.state import BAR_COLUMNS, LISTED, feature_files

IN_UNIVERSE = "in_universe"
"""Column of a frame of features: whether the name is ranked, trained on and judged that session."""


@dataclass(frozen=True)
class Part:
    """Sessions and names of a dataset.

    Attributes
    ----------
    first, stop : int
        Places of the sessions, the last excluded.
    names : int64 [n]
        Places of the names, by code.
    """

    first: int
    stop: int
    names: IntArray

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        *,
        since: date | None = None,
        until: date | None = None,
        codes: Sequence[str] | None = None,
    ) -> Part:
        """Find sessions and names; None for all.

        Raises
        ------
        UsageError
            ``since`` is after ``until``.
        DataError
            No session lies between, or a code is none of the dataset's.
        """
        if since is not None and until is not None and since > until:
            raise UsageError(f"since {since} is after until {until}: exchange them")
        days = dataset.sessions
        low = np.datetime64(since, "D") if since is not None else days[0]
        high = np.datetime64(until, "D") if until is not None else days[-1]
        first = int(np.searchsorted(days, low))
        stop = int(np.searchsorted(days, high, side="right"))
        if first >= stop:
            raise DataError(
                f"dataset {dataset.folder.name} has no session from {low} to {high}: it covers "
                f"{days[0]} to {days[-1]}. Ask for dates within"
            )
        return cls(first=first, stop=stop, names=_places(dataset, codes))

    def codes(self, dataset: Dataset) -> list[str]:
        """The codes of the names."""
        return [dataset.codes[place] for place in self.names]


def _places(dataset: Dataset, codes: Sequence[str] | None) -> IntArray:
    """Places of codes, however spelled, among those of the dataset, in the order of the codes."""
    at = {code: place for place, code in enumerate(dataset.codes)}
    known = KnownCodes(at)
    asked = at if codes is None else codes
    wanted = {code: known.find(code) if isinstance(code, str) else None for code in asked}
    unknown = [code for code, found in wanted.items() if found is None]
    if unknown:
        raise DataError(
            f"{len(unknown)} of {len(wanted)} codes are not in dataset {dataset.folder.name}, "
            f"first {short(unknown[0])}{did_you_mean(str(unknown[0]), sorted(at))}"
        )
    named = {found for found in wanted.values() if found is not None}
    return np.array([at[code] for code in sorted(named)], dtype=np.int64)


def feature_frame(
    dataset: Dataset, part: Part, features: Sequence[str] | None = None
) -> pl.DataFrame:
    """Features in their own units: (date, code, in_universe, a float32 column for each).

    Parameters
    ----------
    features : sequence of str or None
        Stock features, and market features, whose value stands at every name of a session; None for
        all stock features.

    Raises
    ------
    UsageError
        A feature is not in the dataset, or is asked for twice.
    DataError
        A file is missing or damaged.
    """
    names = list(dataset.features if features is None else features)
    known = (*dataset.features, *dataset.market_features)
    for name in names:
        if name not in known:
            raise UsageError(
                f"dataset {dataset.folder.name} has no feature {short(name)}"
                f"{did_you_mean(str(name), known)}"
            )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"feature {twice} is asked for {names.count(twice)} times: name it once")
    stock = [name for name in names if name in dataset.features]
    frame = _stock_rows(dataset, part, stock).join(
        _universe_rows(dataset, part), on=["date", "code"], how="left", maintain_order="left"
    )
    market = [name for name in names if name not in dataset.features]
    if market:
        frame = frame.join(
            _market_rows(dataset, part, market), on="date", how="left", maintain_order="left"
        )
    return frame.select("date", "code", IN_UNIVERSE, *names)


def _stock_rows(dataset: Dataset, part: Part, names: Sequence[str]) -> pl.DataFrame:
    """Rows of the files of features that hold some of the sessions."""
    days, files = dataset.sessions, files_of(dataset)
    low, high = days[part.first].item(), days[part.stop - 1].item()
    wanted = pl.col("date").is_between(low, high)
    if len(part.names) < len(dataset.codes):
        wanted &= pl.col("code").is_in(part.codes(dataset))
    kinds = pl.Schema({"date": pl.Date, "code": pl.String, **dict.fromkeys(names, pl.Float32)})
    found = [pl.DataFrame(schema=kinds)]
    for path in feature_files(dataset.folder, files):
        begin, _, end = path.stem.partition("_")
        if end < str(low) or begin > str(high):
            continue
        files.path(path.relative_to(dataset.folder).as_posix())
        with readable(path):
            rows = pl.scan_parquet(path).select("date", "code", *names).filter(wanted).collect()
        found.append(rows.cast(kinds))
    made = pl.concat(found).sort("date", "code")
    return made.with_columns(pl.col(*names).fill_nan(None)) if names else made


def _universe_rows(dataset: Dataset, part: Part) -> pl.DataFrame:
    valid = np.asarray(dataset.valid_TN[part.first : part.stop][:, part.names], dtype=np.bool_)
    t, n = np.indices(valid.shape)
    return _keys(dataset, part, t.ravel(), n.ravel()).with_columns(
        pl.Series(IN_UNIVERSE, valid.ravel())
    )


def _market_rows(dataset: Dataset, part: Part, names: Sequence[str]) -> pl.DataFrame:
    places = [dataset.market_features.index(name) for name in names]
    values = np.asarray(dataset.market_TM[part.first : part.stop][:, places], dtype=np.float32)
    days = dataset.sessions[part.first : part.stop]
    columns = {name: pl.Series(values[:, m]).fill_nan(None) for m, name in enumerate(names)}
    return pl.DataFrame({"date": pl.Series(days, dtype=pl.Date), **columns})


def label_frame(
    dataset: Dataset, part: Part, horizons: Sequence[int] | None = None
) -> pl.DataFrame:
    """Forward returns from the next open: a row per session, listed name and horizon.

    Columns: ``date``, ``code``, ``horizon`` (sessions), ``raw``, ``excess`` (less the mean of the
    universe), ``residual`` (less sector and trailing beta), as shares (0.01 is one per cent);
    ``outcome`` (`gogooku.core.types.Outcome`); ``known_on``, the session at whose open the label
    was known. Returns and ``known_on`` are null where the label has no value (yet).

    Parameters
    ----------
    horizons : sequence of int or None
        None for all.

    Raises
    ------
    UsageError
        A horizon has no labels.
    """
    labels = labels_of(dataset)
    wanted = list(labels.horizons if horizons is None else dict.fromkeys(horizons))
    for one in wanted:
        if one not in labels.horizons:
            raise UsageError(
                f"no labels at horizon {one}: dataset {dataset.folder.name} has "
                f"{', '.join(map(str, labels.horizons))} sessions"
            )
    places = [labels.horizons.index(one) for one in sorted(wanted)]
    t, n = np.nonzero(_listed(dataset, part))
    keys = _keys(dataset, part, t, n)
    rows, names = t + part.first, part.names[n]
    days = np.append(dataset.sessions, np.datetime64("NaT", "D"))
    frames = []
    for place in places:
        horizon, late = labels.horizons[place], np.asarray(labels.late_TNH[rows, names, place])
        known = np.minimum(rows + 1 + horizon + late.astype(np.int64), len(days) - 1)
        columns = {
            name: pl.Series(np.asarray(labels.variant(name)[rows, names, place])).fill_nan(None)
            for name in VARIANTS
        }
        known = np.where(columns["raw"].is_null().to_numpy(), len(days) - 1, known)
        kinds = np.array([str(one) for one in OUTCOMES])
        frames.append(
            keys.with_columns(
                pl.lit(horizon, dtype=pl.Int32).alias("horizon"),
                **columns,
                outcome=pl.Series(kinds[np.asarray(labels.outcome_TNH[rows, names, place])]),
                known_on=pl.Series(days[known], dtype=pl.Date),
            )
        )
    return pl.concat(frames).sort("date", "code", "horizon")


def bar_frame(dataset: Dataset, part: Part) -> pl.DataFrame:
    """Daily bars as traded, not adjusted: a row per session and listed name.

    Columns: ``date``, ``code``, ``open``, ``high``, ``low``, ``close`` in the market's currency,
    ``volume_shares``, ``adjustment_factor`` (1 but on an ex-date: 0.5 for two new shares for one),
    ``limit_up`` and ``limit_down`` (whether the session closed locked at that limit). Null where
    there was no trade, or the source does not say.
    """
    t, n = np.nonzero(_listed(dataset, part))
    bars = read_bars(dataset)
    columns = {
        name: pl.Series(np.asarray(bars[name][t + part.first, part.names[n]])).fill_nan(None)
        for name in BAR_COLUMNS
    }
    for name in ("limit_up", "limit_down"):
        columns[name] = columns[name].cast(pl.Boolean)
    return _keys(dataset, part, t, n).with_columns(**columns)


def _listed(dataset: Dataset, part: Part) -> npt.NDArray[np.bool_]:
    """Whether a name is listed, of the sessions and names of a part."""
    listed = read_bars(dataset)[LISTED][part.first : part.stop][:, part.names]
    return np.asarray(listed, dtype=np.bool_)


def _keys(
    dataset: Dataset, part: Part, t: npt.NDArray[np.int64], n: npt.NDArray[np.int64]
) -> pl.DataFrame:
    """Date and code of places within a part."""
    codes = pl.Series(part.codes(dataset), dtype=pl.String)
    days = dataset.sessions[part.first : part.stop]
    return pl.DataFrame({"date": pl.Series(days[t], dtype=pl.Date), "code": codes.gather(n)})
