"""gogooku: an evening ranking of the Tokyo market whose quality can be believed.

::

    import gogooku as gg

    home = gg.Home()
    run = home.train("lightgbm", home.dataset())
    home.backtest(run).plot.equity()

What is public is in ``__all__``, typed in ``__init__.pyi``, and loaded when it is first used: the
import itself loads nothing.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

_PLACES = {
    "Backtest": "gogooku.api.results",
    "Comparison": "gogooku.api.results",
    "Dataset": "gogooku.api.dataset",
    "GogookuError": "gogooku.core.errors",
    "Home": "gogooku.api.home",
    "Run": "gogooku.api.results",
    "judge": "gogooku.api.judging",
}

__all__ = [
    "Backtest",
    "Comparison",
    "Dataset",
    "GogookuError",
    "Home",
    "Run",
    "__version__",
    "judge",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
