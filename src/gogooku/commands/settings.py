"""`gogooku settings`: what a command can be set to, before anything is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.core.errors import UsageError
from gogooku.core.findings import VARIANT, did_you_mean, short
from gogooku.core.settings import Choice, Setting, settings_of
from gogooku.dataset.assemble import BuildConfig
from gogooku.ingest.imports.config import ImportConfig
from gogooku.portfolio.backtest import TradeConfig
from gogooku.publish.gates import PublishLimits
from gogooku.releases.limits import ReleaseConfig
from gogooku.retention.policy import PruneConfig
from gogooku.runs.config import TrainConfig
from gogooku.runs.judge import JudgeConfig
from gogooku.runs.named import run_named
from gogooku.runs.report import ReportConfig
from gogooku.sandbox.market.config import MarketConfig
from gogooku.search.config import TuneConfig

CONFIGS: Final[Mapping[str, type[BaseModel]]] = {
    "sandbox market": MarketConfig,
    "import": ImportConfig,
    "build": BuildConfig,
    "train": TrainConfig,
    "tune": TuneConfig,
    "evaluate": JudgeConfig,
    "compare": JudgeConfig,
    "judge": JudgeConfig,
    "backtest": TradeConfig,
    "report": ReportConfig,
    "release": ReleaseConfig,
    "evening": PublishLimits,
    "prune": PruneConfig,
}
"""Config class by the command that takes it."""
_OF_RUNS: Final = ("train", "tune")


def settings(command: str, run: str | None, *, few_names: bool = False) -> Answer:
    """List the settings of a command: path, what it takes, default, meaning.

    Parameters
    ----------
    command : str
        Of `CONFIGS`.
    run : str or None
        Whose defaults, for ``train`` and ``tune``; None: of the settings that every run has.

    Raises
    ------
    UsageError
        It has no settings, or none that a run decides.
    ConfigError
        There is no run of that name.
    """
    if command not in CONFIGS:
        known = did_you_mean(command, list(CONFIGS))
        raise UsageError(f"settings: {short(command)} is no command that has some{known}")
    if run is not None and command not in _OF_RUNS:
        raise UsageError(f"settings {command}: takes no name of a run; train and tune do")
    model, held = CONFIGS[command], None
    if run is not None:
        named = run_named(run, few_names=few_names)
        held = model(**{name: getattr(named, name) for name in named.model_fields_set})
    rows = list(_rows(settings_of(model, held=held), held))
    return Answer(
        facts=[
            dict(zip(("path", "takes", "default", "meaning"), row, strict=True)) for row in rows
        ],
        parts=[
            table(
                " ".join(["settings of", command, *([run] if run else [])]),
                ["path", "takes", "default", "meaning"],
                rows,
            )
        ],
    )


def _rows(
    found: Iterator[Setting | Choice], held: BaseModel | None
) -> Iterator[tuple[str, str, str, str]]:
    """A row a setting; where one of several groups stands, those of the one that does."""
    for one in found:
        if isinstance(one, Setting):
            yield one.path, one.takes, one.default, one.meaning
            continue
        kinds = ", ".join(one.kinds)
        yield f"{one.path}.{VARIANT}", f"one of {kinds}", one.default, ""
        group = _at(held, one.path)
        model = type(group) if isinstance(group, BaseModel) else one.kinds.get(one.default)
        if model is not None:
            inner = group if isinstance(group, BaseModel) else None
            yield from _rows(settings_of(model, f"{one.path}.", held=inner), held)


def _at(held: BaseModel | None, path: str) -> Any:
    """What stands at a path of a config; None where there is no config."""
    value: Any = held
    for step in path.split("."):
        value = getattr(value, step, None)
    return value
