"""A trained run, its backtest, and runs side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gogooku import pipeline
from gogooku.api.plots import BacktestPlots, RunPlots
from gogooku.core.config import Resolved, resolve
from gogooku.core.errors import UsageError
from gogooku.runs.folder import REPORT
from gogooku.runs.judge import EVALUATION, JudgeConfig
from gogooku.runs.report import ReportConfig

if TYPE_CHECKING:
    from gogooku.runs.comparison import Comparison as Compared
    from gogooku.runs.folder import Run as Stored
    from gogooku.runs.judge import Evaluation
    from gogooku.runs.trade import Traded

_METRICS: Mapping[str, Any] = {
    "measure": pl.String,
    "value": pl.Float64,
    "error": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n": pl.Int64,
}
Settings = Mapping[str, Any]
"""Dotted path of a setting to its value: ``{"learner.alpha": 3.0}``."""


def metrics_frame(metrics: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
    """Measures as rows."""
    rows = [
        {"measure": name, **{key: one.get(key) for key in _METRICS if key != "measure"}}
        for name, one in metrics.items()
    ]
    return pl.DataFrame(rows, schema=dict(_METRICS))


class Run:
    """A finished run: a learner fitted fold by fold, with its scores out of sample.

    It is made by `Home.train`, found by `Home.run`, and never changes. What is asked of it first
    (its judgement, its page) is made then, and kept beside it.

    Examples
    --------
    >>> run.name, run.horizons
    ('ridge', (1, 5, 10, 20))
    """

    def __init__(self, home: Path, stored: Stored) -> None:
        self._home = home
        self.stored = stored
        """The run as the pipeline takes it: its folder, settings, stamp and manifest."""

    def __repr__(self) -> str:
        first, last = self.stored.tested
        return f"Run({self.id}: {self.stored.config.learner.kind}, tested {first} to {last})"

    @property
    def id(self) -> str:
        """Its folder's name: the name and the key of what made it.

        Examples
        --------
        >>> home.run(run.id).content_hash == run.content_hash
        True
        """
        return self.stored.run_id

    @property
    def name(self) -> str:
        """What it was started as: ``lightgbm``.

        Examples
        --------
        >>> run.name
        'ridge'
        """
        return str(self.stored.manifest["name"])

    @property
    def horizons(self) -> tuple[int, ...]:
        """Sessions ahead that it has scores for.

        Examples
        --------
        >>> run.horizons
        (1, 5, 10, 20)
        """
        return self.stored.horizons

    @property
    def content_hash(self) -> str:
        """Hash of its scores and of everything that was fitted.

        Examples
        --------
        >>> len(run.content_hash) > 8
        True
        """
        return self.stored.content_hash

    def scores(self, part: str = "test") -> pl.DataFrame:
        """Scores of the test part, or those that selected on the validation part (``valid``).

        Returns
        -------
        polars.DataFrame
            (fold, date, code, horizon, score). Higher is better; a score has no unit. There is no
            row where there is no score.

        Raises
        ------
        UsageError
            There is no such part; or the run is a cross-validation, whose scores are not out of
            time.
        DataError
            The scores are gone or damaged.

        Examples
        --------
        >>> run.scores().columns
        ['fold', 'date', 'code', 'horizon', 'score']
        """
        if part not in ("test", "valid"):
            raise UsageError(f"part={part!r}: must be test or valid")
        return self.stored.predictions(part)

    def metrics(self, settings: Settings | None = None) -> pl.DataFrame:
        """Skill on the test part, each figure with its error and sample size.

        The run is then in the ledger of trials, as after ``gogooku evaluate``.

        Parameters
        ----------
        settings : mapping, optional
            ``judge_label``: ``raw`` (default), ``excess`` or ``residual``.

        Returns
        -------
        polars.DataFrame
            (measure, value, error, low, high, n): Newey-West error, 95% interval. What each measure
            means: `docs/evaluation.md`. Null where it cannot be known.

        Raises
        ------
        ConfigError
            A setting is wrong.
        UsageError
            The run touches a hold-out that it has not spent.
        DataError
            Its dataset is gone and it was not judged before.

        Examples
        --------
        >>> run.metrics().filter(measure="h5.rank_ic").get_column("n").item() > 20
        True
        """
        return metrics_frame(self._judged(settings).metrics)

    def warnings(self) -> list[str]:
        """What may be wrong with the result: findings of the leak gate first, then the gravest.

        Examples
        --------
        >>> isinstance(run.warnings(), list)
        True
        """
        judged = self._judged(None)
        return [*judged.findings, *(str(one["text"]) for one in judged.warnings)]

    def daily(self) -> pl.DataFrame:
        """The measures of each test session and horizon; null where a session does not count.

        Examples
        --------
        >>> "rank_ic" in run.daily().columns
        True
        """
        return self._judged(None).daily

    @property
    def plot(self) -> RunPlots:
        """Charts: ``run.plot.rank_ic()`` and others.

        Examples
        --------
        >>> run.plot.rank_ic().layout.xaxis.title.text
        'session'
        """
        return RunPlots(self._judged(None))

    def report(self, settings: Settings | None = None) -> Path:
        """Write the HTML page of the run, as ``gogooku report`` does, and say where it is.

        Parameters
        ----------
        settings : mapping, optional
            Of judging, trading and the page: ``{"portfolio.top_k": 30, "language": "ja"}``.

        Raises
        ------
        ConfigError
            A setting is wrong.
        UsageError, DataError
            As `metrics` and `Home.backtest`.

        Examples
        --------
        >>> run.report().name
        'report.html'
        """
        resolved = resolve(ReportConfig(), base_name=REPORT, settings=settings)
        return pipeline.report(self._home, self.stored, resolved)

    def _judged(self, settings: Settings | None) -> Evaluation:
        resolved: Resolved[JudgeConfig] = resolve(
            JudgeConfig(), base_name=EVALUATION, settings=settings
        )
        return pipeline.evaluate(self._home, self.stored, resolved)


class Backtest:
    """What a run's test scores would have earned, after costs; made by `Home.backtest`.

    Examples
    --------
    >>> backtest.metrics().get_column("measure").to_list()[:2]
    ['annual_return', 'benchmark_return']
    """

    def __init__(self, run: Run, traded: Traded) -> None:
        self.run = run
        """What was traded."""
        self.traded = traded
        """The backtest as the pipeline takes it: its folder, metrics and facts."""

    def __repr__(self) -> str:
        facts = self.traded.facts
        return f"Backtest({self.run.id}: {facts['first']} to {facts['last']})"

    def metrics(self) -> pl.DataFrame:
        """Measures of the account, each with its error: (measure, value, error, low, high, n).

        Returns are shares a year (0.1 is ten per cent), drawdowns and costs are amounts without a
        sign; null where a measure cannot be known. See `docs/evaluation.md`.

        Examples
        --------
        >>> backtest.metrics().filter(measure="max_drawdown").get_column("value").item() >= 0.0
        True
        """
        plain = {name.removeprefix("portfolio."): one for name, one in self.traded.metrics.items()}
        return metrics_frame(plain)

    def warnings(self) -> list[str]:
        """What may be wrong with the result by the account's settings, the gravest first.

        Examples
        --------
        >>> isinstance(backtest.warnings(), list)
        True
        """
        return [str(one["text"]) for one in self.traded.warnings]

    def daily(self) -> pl.DataFrame:
        """The account by session, in the market's currency: equity, benchmark, cash, costs.

        Examples
        --------
        >>> backtest.daily().columns[:2]
        ['date', 'equity']
        """
        return self.traded.frame("daily")

    def ledger(self) -> pl.DataFrame:
        """Every fill, with its shares, price and costs.

        Examples
        --------
        >>> {"date", "code", "shares", "price"} <= set(backtest.ledger().columns)
        True
        """
        return self.traded.frame("ledger")

    def holdings(self) -> pl.DataFrame:
        """What was held at the close of each session.

        Examples
        --------
        >>> {"date", "code", "shares"} <= set(backtest.holdings().columns)
        True
        """
        return self.traded.frame("holdings")

    @property
    def plot(self) -> BacktestPlots:
        """Charts: ``backtest.plot.equity()`` and others.

        Examples
        --------
        >>> len(backtest.plot.equity().data)
        3
        """
        return BacktestPlots(self.traded)


class Comparison:
    """Two runs on the sessions that they share; made by `Home.compare`.

    Examples
    --------
    >>> home.compare(run, "reversal").differences().get_column("horizon").to_list()
    [1, 5, 10, 20]
    """

    def __init__(self, made: Compared) -> None:
        self.made = made
        """The comparison as the pipeline makes it."""

    def __repr__(self) -> str:
        return f"Comparison({self.sentence()})"

    def sentence(self) -> str:
        """What it comes to, with what it is not.

        Examples
        --------
        >>> "ridge" in home.compare(run, "reversal").sentence()
        True
        """
        return self.made.sentence().en

    def runs(self) -> pl.DataFrame:
        """The measure of each run on the sessions that all share, by horizon.

        Examples
        --------
        >>> home.compare(run, "reversal").runs().height
        8
        """
        return self.made.found.runs

    def differences(self) -> pl.DataFrame:
        """The second run less the first, paired by session, with error and p-value, by horizon.

        Examples
        --------
        >>> "p_value" in home.compare(run, "reversal").differences().columns
        True
        """
        return self.made.found.differences
