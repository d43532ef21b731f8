"""A dataset as polars frames."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gogooku.api.dates import Day, day_of
from gogooku.core.errors import UsageError
from gogooku.core.findings import short
from gogooku.core.types import Dataset as Stored
from gogooku.dataset.frames import Part, bar_frame, feature_frame, label_frame

if TYPE_CHECKING:
    import polars as pl


class Dataset:
    """A built dataset: features, labels and bars of every listed name and session.

    It is opened by `Home.dataset` and never changes. Files are checked against their digests when
    they are read.

    Examples
    --------
    >>> data.sessions[0]
    datetime.date(2021, 1, 4)
    >>> frame = data.frame(["ret_prev_5d"], since="2021-06-01", until="2021-06-02")
    >>> frame.columns
    ['date', 'code', 'in_universe', 'ret_prev_5d']
    """

    def __init__(self, stored: Stored) -> None:
        self.stored = stored
        """The dataset as the pipeline takes it: its folder, manifest and memory-mapped tensors."""

    def __repr__(self) -> str:
        days = self.stored.sessions
        return (
            f"Dataset({self.name}: {len(self.codes):,} codes, {len(days):,} sessions "
            f"{days[0]} to {days[-1]}, {len(self.features):,} features)"
        )

    @property
    def name(self) -> str:
        """Its id: the source's name and the key of what made it.

        Examples
        --------
        >>> data.name.rpartition("-")[0]
        'tiny'
        """
        return self.stored.folder.name

    @property
    def content_hash(self) -> str:
        """Hash of its content; the same however it was built.

        Examples
        --------
        >>> data.content_hash == home.dataset(data.name).content_hash
        True
        """
        return self.stored.content_hash

    @property
    def sessions(self) -> list[date]:
        """Its sessions, ascending.

        Examples
        --------
        >>> len(data.sessions)
        240
        """
        found: list[date] = self.stored.sessions.tolist()
        return found

    @property
    def codes(self) -> list[str]:
        """Every code that was ever listed, ascending.

        Examples
        --------
        >>> data.codes == sorted(data.codes)
        True
        """
        return sorted(self.stored.codes)

    @property
    def features(self) -> list[str]:
        """Stock features: one value a name and session.

        Examples
        --------
        >>> "ret_prev_5d" in data.features
        True
        """
        return list(self.stored.features)

    @property
    def market_features(self) -> list[str]:
        """Market features: one value a session, the same for all names.

        Examples
        --------
        >>> "uni_ret_20d" in data.market_features
        True
        """
        return list(self.stored.market_features)

    def frame(
        self,
        features: Sequence[str] | None = None,
        since: Day | None = None,
        until: Day | None = None,
        codes: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Features in their own units, as known at the decision of each session.

        Parameters
        ----------
        features : sequence of str, optional
            Stock or market features by name; all stock features by default. Meaning and unit of
            each: ``gogooku features NAME``.
        since, until : date or str, optional
            First and last date, both included.
        codes : sequence of str, optional
            Only these names, as ``7203`` or ``72030``.

        Returns
        -------
        polars.DataFrame
            (date, code, in_universe, a float32 column for each feature), a row for each listed
            name and session, sorted. Unknown values are null, never NaN. ``in_universe`` says
            whether the name is ranked, trained on and judged that session.

        Raises
        ------
        UsageError
            A feature is not in the dataset, the message names the nearest; or a date is none.
        DataError
            No session lies between the dates, a code is not in the dataset, or a file is damaged.

        Examples
        --------
        >>> data.frame(["ret_prev_5d", "uni_ret_20d"], codes=data.codes[:2]).height > 100
        True
        >>> data.frame(["ret_prev_5"])
        Traceback (most recent call last):
            ...
        gogooku.core.errors.UsageError: dataset ... has no feature 'ret_prev_5'; did you mean ret_prev_5d?...
        """  # noqa: E501
        wanted = None if features is None else _texts(features, "features")
        return feature_frame(self.stored, self._part(since, until, codes), wanted)

    def labels(
        self,
        horizons: Sequence[int] | None = None,
        since: Day | None = None,
        until: Day | None = None,
        codes: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Forward returns from the next open to the open ``horizon`` sessions later.

        They lie in the future of their session: fit on a row only where its ``known_on`` is not
        after the last session that you may know.

        Parameters
        ----------
        horizons : sequence of int, optional
            Sessions: 1, 5, 10, 20; all by default.
        since, until, codes
            As in `frame`.

        Returns
        -------
        polars.DataFrame
            (date, code, horizon, raw, excess, residual, outcome, known_on), sorted. Returns are
            shares: 0.01 is one per cent; ``excess`` is less the mean of the universe, ``residual``
            less sector and trailing beta. Returns and ``known_on`` are null where there is no label
            (yet); ``outcome`` says why.

        Raises
        ------
        UsageError, DataError
            As in `frame`; or a horizon has no labels.

        Examples
        --------
        >>> labels = data.labels([5], since="2021-06-01", until="2021-06-01")
        >>> labels.get_column("known_on").drop_nulls().max()
        datetime.date(2021, 6, 9)
        """
        return label_frame(self.stored, self._part(since, until, codes), horizons)

    def bars(
        self,
        since: Day | None = None,
        until: Day | None = None,
        codes: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Daily bars as traded, not adjusted for splits.

        Parameters
        ----------
        since, until, codes
            As in `frame`.

        Returns
        -------
        polars.DataFrame
            (date, code, open, high, low, close, volume_shares, adjustment_factor, limit_up,
            limit_down), sorted. Prices are in the market's currency, and null where there was no
            trade. ``adjustment_factor`` is 1 but on an ex-date: 0.5 for two new shares for one.

        Raises
        ------
        UsageError, DataError
            As in `frame`.

        Examples
        --------
        >>> bars = data.bars(codes=data.codes[:1])
        >>> (bars.get_column("high") >= bars.get_column("low")).all()
        True
        """
        return bar_frame(self.stored, self._part(since, until, codes))

    def to_pandas(
        self,
        features: Sequence[str] | None = None,
        since: Day | None = None,
        until: Day | None = None,
        codes: Sequence[str] | None = None,
    ) -> Any:
        """The same as `frame`, as a ``pandas.DataFrame``; null is NaN there.

        Raises
        ------
        UsageError
            pandas or pyarrow is not installed; or as in `frame`.
        DataError
            As in `frame`.

        Examples
        --------
        >>> table = data.to_pandas(["ret_prev_5d"], since="2021-06-01")
        >>> list(table.columns)
        ['date', 'code', 'in_universe', 'ret_prev_5d']
        """
        if find_spec("pandas") is None or find_spec("pyarrow") is None:
            raise UsageError("to_pandas needs pandas and pyarrow: pip install pandas pyarrow")
        return self.frame(features, since, until, codes).to_pandas()

    def _part(self, since: Day | None, until: Day | None, codes: Sequence[str] | None) -> Part:
        return Part.of(
            self.stored,
            since=day_of(since, "since"),
            until=day_of(until, "until"),
            codes=None if codes is None else _texts(codes, "codes"),
        )


def _texts(given: Sequence[str], what: str) -> list[str]:
    """Names of an argument; one text alone is refused, since it would be taken letter by letter."""
    if isinstance(given, str):
        raise UsageError(f"{what}={short(given)}: expected a list of names, not one text")
    return list(given)
