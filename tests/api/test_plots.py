"""A chart in a notebook shows the numbers of the page's chart."""

from datetime import date

import pytest

from gogooku.api import plots
from gogooku.api.plots import BacktestPlots, RunPlots, drawn
from gogooku.core.errors import MissingPackageError, UsageError
from gogooku.evaluate import charts
from gogooku.evaluate.svg import Figure, Series


def test_the_page_and_the_notebook_draw_one_figure(made_by_api):
    run = made_by_api.run("ridge")
    page, plot = charts.cumulative_rank_ic(run.daily()), run.plot.rank_ic()
    assert len(plot.data) == len(page.series)
    for series, trace in zip(page.series, plot.data, strict=True):
        assert list(trace.y) == list(series.y)
        assert [day.toordinal() for day in trace.x] == list(page.x)
        assert trace.name == series.name.en


def test_percentages_are_scaled_and_japanese_is_said(made_by_api):
    traded = made_by_api.backtest("ridge")
    page = charts.drawdown_curve(traded.daily())
    plot = traded.plot.drawdown(language="ja")
    assert list(plot.data[0].y) == [value * 100.0 for value in page.series[0].y]
    assert plot.data[0].name == "ポートフォリオ"
    assert plot.layout.yaxis.ticksuffix == "%"
    assert plot.data[0].fill == "tozeroy"


def figure(**changes):
    series = Series(name="a", y=[1.0, None], low=[0.5, None], high=[1.75, None], **changes)
    return Figure(
        x=[0.0, 1.0],
        x_texts=["none", "one"],
        ticks=[(0.0, "none")],
        series=[series],
        y_label="y",
        x_label="x",
    )


def test_intervals_are_whiskers_or_bands():
    bars = drawn(figure(shape="bars"))
    assert bars.data[0].error_y.array[0] == 0.75
    assert bars.data[0].error_y.arrayminus[0] == 0.5
    assert list(bars.layout.xaxis.ticktext) == ["none"]
    low, high, line = drawn(figure(band=True)).data
    assert (low.y[0], high.y[0], line.y[0]) == (0.5, 1.75, 1.0)
    assert high.fillcolor == "rgba(37,99,235,0.18)"


def test_sessions_are_dates():
    day = date(2024, 1, 4)
    found = Figure(x=[float(day.toordinal())], x_texts=["2024-01-04"], ticks=[], series=[],
                   y_label="y", x_label="x")  # fmt: skip
    assert plots._places(found) == [day]


def test_bad_questions_are_refused(made_by_api, monkeypatch):
    plot = made_by_api.run("ridge").plot
    with pytest.raises(UsageError, match="horizon=3: must be one of 1, 5, 10, 20"):
        plot.rolling(3)
    with pytest.raises(UsageError, match="horizon=3"):
        plot.deciles(3)
    with pytest.raises(UsageError, match="language='fr': must be en or ja"):
        plot.rank_ic(language="fr")

    def missing(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(plots, "import_module", missing)
    with pytest.raises(MissingPackageError, match=r"plotly.*pip install 'gogooku\[plots\]'"):
        plot.rank_ic()


def test_examples(examples):
    assert examples(RunPlots) >= 6
    assert examples(BacktestPlots) >= 5
