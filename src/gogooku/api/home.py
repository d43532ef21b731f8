"""The folder that everything is kept in, and the way from prices to a ranking along it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gogooku import pipeline
from gogooku.api.dataset import Dataset
from gogooku.api.dates import Day, day_of
from gogooku.api.results import Backtest, Comparison, Run, Settings
from gogooku.core.config import Execution, resolve, validated
from gogooku.core.environment import home_folder, usable_home
from gogooku.core.errors import DataError, UsageError
from gogooku.core.findings import short
from gogooku.core.progress import ConsoleReporter, SilentReporter
from gogooku.core.seal import open_sealed
from gogooku.core.stamp import available_threads
from gogooku.dataset.chosen import chosen_build
from gogooku.dataset.home import current_dataset
from gogooku.execute.choice import executor_for
from gogooku.ingest.imports.config import ImportConfig
from gogooku.portfolio.backtest import TradeConfig
from gogooku.runs.find import open_run
from gogooku.runs.folder import finished_runs, tested
from gogooku.runs.named import settings_named
from gogooku.runs.newest import names_beside
from gogooku.runs.trade import BACKTEST
from gogooku.sandbox.market.market import market_config

if TYPE_CHECKING:
    from gogooku.core.progress import Reporter
    from gogooku.core.types import Dataset as StoredDataset
    from gogooku.execute.task import Executor
    from gogooku.runs.folder import Run as StoredRun

_RUNS: Mapping[str, Any] = {
    "run": pl.String,
    "name": pl.String,
    "dataset": pl.String,
    "source": pl.String,
    "first": pl.Date,
    "last": pl.Date,
}


class Home:
    """A home: sources, datasets and runs, each made once and found again.

    Every step is that of the command of the same name: the same settings make the same artefact,
    whoever asks first.

    Parameters
    ----------
    path : str or Path, optional
        The folder; ``GOGOOKU_HOME``, or ``~/.gogooku``, by default. It need not be there yet:
        `import_prices` and `sandbox` make it.
    progress : bool
        Whether steps that take long say on standard error how far they are.

    Raises
    ------
    UsageError
        The folder cannot be one.

    Examples
    --------
    >>> import gogooku as gg
    >>> home = gg.Home()
    >>> home.predict("ridge").columns[:2]
    ['rank', 'code']
    """

    def __init__(self, path: str | Path | None = None, *, progress: bool = False) -> None:
        self.path: Path = home_folder() if path is None else usable_home(str(path))
        """The folder."""
        self._reporter: Reporter = ConsoleReporter() if progress else SilentReporter()

    def __repr__(self) -> str:
        return f"Home({str(self.path)!r})"

    # -------------------------------------------------------------------------- from data

    def import_prices(
        self,
        files: str | Path | Sequence[str | Path],
        *,
        columns: Mapping[str, str] | None = None,
        settings: Settings | None = None,
    ) -> dict[str, Any]:
        """Import daily prices from CSV or Parquet files, as ``gogooku import`` does.

        Parameters
        ----------
        files : path or sequence of paths
        columns : mapping, optional
            Field to column of the files, over what would be guessed: ``{"close": "px_last"}``.
        settings : mapping, optional
            ``name`` of the source, ``exchange``, ``price_basis`` and others.

        Returns
        -------
        dict
            What ``gogooku import --json`` prints: what was kept, and every kind of defect with
            its count and what was done about it.

        Raises
        ------
        ConfigError
            A setting is wrong.
        DataError
            The files are no prices; the message says what is missing.

        Examples
        --------
        >>> said = home.import_prices(prices, settings={"name": "mine"})
        >>> said["source"], said["codes"]
        ('mine', 40)
        """
        given = [files] if isinstance(files, str | Path) else list(files)
        resolved = resolve(
            ImportConfig(columns=dict(columns)) if columns else ImportConfig(),
            base_name="import",
            settings=settings,
        )
        made = pipeline.import_prices(
            self.path, [Path(one) for one in given], resolved, reporter=self._reporter
        )
        return made.to_json()

    def sandbox(
        self,
        size: str = "tiny",
        *,
        seed: int = 1,
        name: str | None = None,
        settings: Settings | None = None,
    ) -> str:
        """Generate a market whose expected returns are known, as ``gogooku sandbox market`` does.

        Parameters
        ----------
        size : str
            ``tiny``, ``demo``, ``study`` or ``full``.
        seed : int
            The same seed gives the same market.
        name : str, optional
            Of the source; by default ``sandbox-SIZE-SEED``.
        settings : mapping, optional
            Of the market: ``{"num_stocks": 40}``.

        Returns
        -------
        str
            The name of the source.

        Raises
        ------
        ConfigError
            There is no such size, or a setting is wrong.

        Examples
        --------
        >>> small = {"num_stocks": 30, "num_sessions": 120, "num_sectors": 2, "num_branches": 0}
        >>> home.sandbox("tiny", seed=2, settings=small)
        'sandbox-tiny-2'
        """
        resolved = resolve(market_config(size, seed=seed), base_name=size, settings=settings)
        called = name or f"sandbox-{size}-{seed}"
        return pipeline.sandbox(self.path, called, resolved, reporter=self._reporter).name

    def build(
        self,
        source: str | None = None,
        *,
        settings: Settings | None = None,
        threads: int | None = None,
    ) -> Dataset:
        """Build a dataset of a source, or go on with the one before, as ``gogooku build`` does.

        Parameters
        ----------
        source : str, optional
            Its name; the only one there is, by default.
        settings : mapping, optional
            ``features`` (``basic``, ``all`` or a list of names), ``clock``, ``universe.*`` and
            others.
        threads : int, optional
            All cores by default; they change nothing of the result.

        Raises
        ------
        ConfigError
            A setting is wrong.
        DataError
            There is no such source, or it is damaged.

        Examples
        --------
        >>> home.build("tiny", settings=features).name == data.name
        True
        """
        self._require()
        resolved = chosen_build(self.path, source=source, settings=settings)
        execution = _execution(available_threads() if threads is None else threads)
        made = pipeline.build(self.path, resolved, execution=execution, reporter=self._reporter)
        return Dataset(made)

    def dataset(self, name: str | None = None) -> Dataset:
        """A dataset by its id; the one built last by default.

        Raises
        ------
        DataError
            There is none of that name; the message names the nearest. Or it is damaged.

        Examples
        --------
        >>> home.dataset().name == data.name
        True
        """
        self._require()
        return Dataset(current_dataset(self.path, name))

    # ------------------------------------------------------------------- from a dataset

    def train(
        self,
        kind: str,
        data: Dataset | str | None = None,
        *,
        settings: Settings | None = None,
        few_names: bool = False,
        threads: int = 1,
        device: str = "cpu",
        on: str | None = None,
    ) -> Run:
        """Fit a learner over its folds, as ``gogooku train`` does; a finished run is found again.

        Parameters
        ----------
        kind : str
            ``ridge``, ``lightgbm``, ``atft-gat-fan``, ``apex-ranker``, ``master``, ``momentum``,
            ``reversal``, ``blend``, or a learner of your own that is registered.
        data : Dataset or str, optional
            The one built last by default.
        settings : mapping, optional
            ``{"split.kind": "walk_forward", "learner.leaves": 31}``.
        few_names : bool
            Settings for a market of some hundred names.
        threads : int
            Numeric threads; they change the last bits of a training.
        device : str
            Where a network runs: ``cpu``, ``cuda`` or ``cuda:N``.
        on : str, optional
            As ``gogooku train --on``: ``local:N`` fits N folds at a time, each in its process.

        Raises
        ------
        ConfigError
            There is no such learner or setting, the message names the nearest; or the sessions are
            too few for the folds.
        UsageError, DataError
            ``on`` means no place; there is no such dataset.

        Examples
        --------
        >>> home.train("ridge", data).id == home.train("ridge", data, on="local:2").id == run.id
        True
        >>> home.train("rigde", data)
        Traceback (most recent call last):
            ...
        gogooku.core.errors.ConfigError: no run is named 'rigde'; did you mean ridge?...
        """
        self._require()
        with self._place(on, threads) as executor:
            made = pipeline.train(
                self.path,
                kind,
                settings_named(kind, few_names=few_names, settings=settings),
                self._data(data),
                execution=_execution(threads, device=device),
                reporter=self._reporter,
                executor=executor,
            )
        return Run(self.path, made)

    def runs(self) -> pl.DataFrame:
        """Every finished run, the newest last: (run, name, dataset, source, first, last).

        ``first`` and ``last`` are the dates of its test part. A run that an earlier version wrote
        is listed too, even if it has to be made again before it can be opened.

        Examples
        --------
        >>> home.runs().get_column("name").to_list()[:2]
        ['reversal', 'ridge']
        """
        self._require()
        return pl.DataFrame(
            [_row(folder) for folder in finished_runs(self.path)],
            schema=dict(_RUNS),
            orient="row",
        )

    def run(self, name: str | None = None) -> Run:
        """A run by its id or its name (its newest); the newest of all by default.

        Raises
        ------
        DataError
            There is none; the message names the nearest.

        Examples
        --------
        >>> home.run("ridge").id == run.id
        True
        >>> home.run("rige")
        Traceback (most recent call last):
            ...
        gogooku.core.errors.DataError: No finished run 'rige' in ...; did you mean ridge?...
        """
        self._require()
        return Run(self.path, open_run(self.path, name))

    def judge(
        self,
        frame: object,
        *,
        name: str = "scores",
        data: Dataset | str | None = None,
        horizon: int | None = None,
        settings: Settings | None = None,
        drop_unknown: bool = False,
    ) -> Run:
        """Judge scores that were made elsewhere, as ``gogooku judge`` does.

        They become a run without a model: it is judged at once and entered in the ledger of trials,
        and can be traded, compared and shown like any other. What they were fitted on is not known;
        that is said with the result.

        Parameters
        ----------
        frame : frame of polars or pandas
            (date, code, score), and horizon where a name has several scores of a date. A score
            of a date is one that was known on that session's evening: it is traded from the next
            open. Higher is better; it has no unit. In Tokyo ``7203`` and ``72030`` are one code.
        name : str
            Of the run.
        data : Dataset or str, optional
            Whose labels judge; the one built last by default.
        horizon : int, optional
            Of all scores where the frame has no such column; 5 by default.
        settings : mapping, optional
            Of judging: ``judge_label``.
        drop_unknown : bool
            Leave out rows of codes or dates that the dataset does not have, which are refused
            otherwise; how many is among the warnings.

        Raises
        ------
        ConfigError, UsageError
            A setting, the name or the horizon is wrong; or they touch a hold-out that is not spent.
        DataError
            What is wrong with the frame: the column, how many rows, and the first of them.

        Examples
        --------
        >>> mine = home.judge(run.scores(), name="mine")
        >>> mine.metrics().equals(run.metrics())
        True
        >>> home.judge(run.scores().rename({"score": "scores"}))
        Traceback (most recent call last):
            ...
        gogooku.core.errors.DataError: judge: no column score (nearest: scores) among 5 ...
        """
        self._require()
        dataset = self._data(data)
        made = pipeline.bring(
            self.path, name, frame, dataset, horizon=horizon, drop_unknown=drop_unknown
        )
        run = Run(self.path, made)
        run.metrics(settings)
        return run

    # ----------------------------------------------------------------------- from a run

    def backtest(self, run: Run | str, settings: Settings | None = None) -> Backtest:
        """Trade the test scores of a run, as ``gogooku backtest`` does.

        Parameters
        ----------
        run : Run or str
        settings : mapping, optional
            ``{"portfolio.top_k": 30, "portfolio.horizon": 5, "initial_cash": 1e8}`` and others.

        Raises
        ------
        ConfigError
            A setting is wrong.
        UsageError
            The run touches a hold-out that it has not spent, or is a cross-validation.
        DataError
            There is no such run, or nothing could be traded.

        Examples
        --------
        >>> home.backtest(run, {"portfolio.top_k": 5}).daily().height > 20
        True
        """
        used = self._run(run)
        resolved = resolve(TradeConfig(), base_name=BACKTEST, settings=settings)
        return Backtest(used, pipeline.backtest(self.path, used.stored, resolved))

    def predict(
        self,
        run: Run | str | None = None,
        *,
        data: Dataset | str | None = None,
        day: Day | None = None,
        horizon: int = 5,
        device: str = "cpu",
    ) -> pl.DataFrame:
        """The ranking of a session, as ``gogooku predict --run`` makes it.

        Parameters
        ----------
        run : Run or str, optional
            The newest by default.
        data : Dataset or str, optional
            The one built last by default; it has the features that the run was fitted on.
        day : date or str, optional
            The session; the newest by default.
        horizon : int
            Whose score ranks, in sessions.
        device : str
            Where a network scores.

        Returns
        -------
        polars.DataFrame
            (rank, code, name_ja, name_en, sector, close, score_1, score_5, ...), the universe, best
            first. Names, sector and close are null where they are not known.

        Raises
        ------
        DataError
            There is no such run, session or horizon; the run was trained on the session; or the
            dataset has other features.

        Examples
        --------
        >>> home.predict(run).get_column("rank").to_list()[:3]
        [1, 2, 3]
        """
        used = self.run() if run is None else self._run(run)
        dataset = self._data(data)
        made = pipeline.ranking(
            used.stored, dataset, day_of(day, "day"), horizon=horizon, device=device
        )
        return made.with_names(names_beside(self.path, dataset)).frame

    def compare(
        self,
        first: Run | str,
        second: Run | str,
        *,
        metric: str = "rank_ic",
        horizon: int | None = None,
    ) -> Comparison:
        """The second run against the first, as ``gogooku compare`` does, paired by session.

        Parameters
        ----------
        first, second : Run or str
        metric : str
            A daily measure.
        horizon : int, optional
            What the sentence is about.

        Raises
        ------
        UsageError, DataError
            One of them is not there, they are not alike (source, exchange, kind of split), or there
            is no such measure.

        Examples
        --------
        >>> home.compare(run, "reversal").runs().get_column("run").unique(maintain_order=True).to_list()
        ['ridge', 'reversal']
        """  # noqa: E501
        runs: list[StoredRun] = [self._run(one).stored for one in (first, second)]
        return Comparison(pipeline.compare(self.path, runs, metric=metric, horizon=horizon))

    # --------------------------------------------------------------------------- helpers

    def _place(self, on: str | None, threads: int) -> AbstractContextManager[Executor | None]:
        """What fits the folds; None for this process."""
        if on is None:
            return nullcontext()
        say = self._reporter.say
        return executor_for(on, folder=self.path / "slurm", threads=threads, say=say)

    def _run(self, given: Run | str) -> Run:
        if isinstance(given, Run):
            return given
        if isinstance(given, str):
            return self.run(given)
        raise UsageError(f"run={short(given)}: expected a Run, or its name or id")

    def _data(self, given: Dataset | str | None) -> StoredDataset:
        if isinstance(given, Dataset):
            return given.stored
        if given is None or isinstance(given, str):
            return self.dataset(given).stored
        raise UsageError(f"data={short(given)}: expected a Dataset, or its id")

    def _require(self) -> None:
        """Refuse a home that is not there."""
        if not self.path.is_dir():
            raise DataError(
                f"{self.path}: there is no such home. Begin one: Home({str(self.path)!r}).sandbox()"
                " or .import_prices(FILE), then .build(); or give the path of one, or set "
                "GOGOOKU_HOME"
            )


def _execution(threads: int, *, device: str = "cpu") -> Execution:
    return validated(Execution, {"threads": threads, "device": device})


def _row(folder: Path) -> tuple[object, ...]:
    """What is listed of a finished run."""
    manifest = open_sealed(folder, kind="run").manifest
    first, last = tested(manifest)
    keys = ("name", "dataset", "source")
    return (folder.name, *(str(manifest[key]) for key in keys), first, last)
