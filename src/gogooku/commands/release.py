"""`gogooku release`: put a run in service, through its gates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.core.config import Execution, resolve
from gogooku.core.errors import FindingError, UsageError
from gogooku.core.progress import Reporter
from gogooku.core.terms import at_exchange
from gogooku.core.wall import WallClock
from gogooku.portfolio.backtest import TradeConfig
from gogooku.releases import registry
from gogooku.releases.bundle import Bundle, bundle_ids, make_bundle, open_bundle
from gogooku.releases.candidacy import Candidacy
from gogooku.releases.gates import judge, require_gates
from gogooku.releases.limits import ReleaseConfig, looser
from gogooku.releases.registry import read_registry
from gogooku.releases.scorecard import scorecard_of
from gogooku.releases.verdicts import Verdict, refusals
from gogooku.runs.find import open_run
from gogooku.runs.judge import tries_on
from gogooku.runs.luck import luck_of
from gogooku.runs.trade import BACKTEST


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of a release.

    Attributes
    ----------
    name : str
        A run, or a bundle that is there already.
    shadow : bool
        Score it each evening beside the released one instead.
    why : str
        Kept in the history.
    accepted : sequence of str
        Gates that are overruled where they refuse.
    """

    name: str
    shadow: bool = False
    why: str = ""
    accepted: Sequence[str] = ()


def release(
    home: Path,
    asked: Asked,
    *,
    config: Path | None,
    assignments: Sequence[str],
    execution: Execution,
    clock: WallClock,
    reporter: Reporter,
) -> Answer:
    """Make the bundle of a run, and put it in service if its gates let it through.

    Parameters
    ----------
    config, assignments
        How it is traded and the limits of its gates (``gates.*``); not with a bundle, which says
        so itself.

    Raises
    ------
    UsageError
        What is to be accepted is no gate, or nobody says why; settings for a bundle; or the run's
        scores were made elsewhere, so it has no model to be released.
    GogookuError
        As `gogooku.pipeline.evaluate`, `gogooku.pipeline.backtest` and `make_bundle`.
    """
    require_gates(asked.accepted, why=asked.why)
    bundle = _bundle_of(home, asked.name, config, assignments)
    serving = read_registry(home).released(bundle.source)
    candidacy = Candidacy(
        home=home,
        bundle=bundle,
        serving=None if serving in (None, bundle.bundle_id) else open_bundle(home, serving),
        execution=execution,
        reporter=reporter,
    )
    verdicts = judge(candidacy, shadow=asked.shadow)
    gates = tuple(
        {**one.to_json(), **({"accepted": True} if _overruled(one, asked) else {})}
        for one in verdicts
    )
    stopped = [one for one in refusals(verdicts) if not _overruled(one, asked)]
    move = registry.refuse if stopped else registry.shadow if asked.shadow else registry.release
    move(home, bundle.bundle_id, source=bundle.source, why=asked.why, at=clock.now(), gates=gates)
    return _answer(home, bundle, asked, verdicts, stopped)


def _overruled(verdict: Verdict, asked: Asked) -> bool:
    return verdict.refused and verdict.gate in asked.accepted


def _bundle_of(home: Path, name: str, config: Path | None, assignments: Sequence[str]) -> Bundle:
    """The bundle of that id, or one made of the run of that name."""
    if name in bundle_ids(home):
        if config is not None or assignments:
            raise UsageError(
                f"{name} is a bundle and never changes: its settings are those it was made with. "
                "Give its run with other settings to make another one"
            )
        return open_bundle(home, name)
    run = open_run(home, name)
    run.training()
    resolved = resolve(ReleaseConfig(), base_name=BACKTEST, file=config, assignments=assignments)
    settings = at_exchange(resolved, run.exchange(home))
    trade = settings.part(TradeConfig)
    judged, traded = pipeline.evaluate(home, run), pipeline.backtest(home, run, trade)
    luck = luck_of(home, run, judged, horizon=trade.config.portfolio.horizon)
    card = scorecard_of(
        run,
        judged,
        traded,
        tries=tries_on(home, run),
        deflated=luck.deflated,
        limits=settings.config.gates,
    )
    return make_bundle(home, run, run.dataset(home), settings=settings, scorecard=card)


def _answer(
    home: Path,
    bundle: Bundle,
    asked: Asked,
    verdicts: Sequence[Verdict],
    stopped: Sequence[Verdict],
) -> Answer:
    """What became of the bundle, and what each gate said."""
    state = read_registry(home).state_of(bundle.bundle_id)
    rows = [
        (one.gate, "accepted" if _overruled(one, asked) else str(one.outcome), one.said)
        for one in verdicts
    ]
    failure, eased = None, looser(bundle.limits.config)
    if stopped:
        failure = FindingError(
            f"{bundle.bundle_id} is not {'a shadow' if asked.shadow else 'released'}: "
            + "; ".join(f"{one.gate}: {one.said}" for one in stopped)
            + ". To overrule a gate: --accept GATE --why REASON"
        )
    return Answer(
        facts={
            "bundle": bundle.bundle_id,
            "source": bundle.source,
            "state": str(state),
            "run": bundle.run_id,
            "folder": str(bundle.folder),
            "gates": [one.to_json() for one in verdicts],
            "refused_by": [one.gate for one in stopped],
            "limits": bundle.limits.to_json(),
            "looser_limits": eased,
        },
        parts=[
            table("gates", ["gate", "", "what it says"], rows),
            *([f"looser limits than usual: {'; '.join(eased)}"] if eased else []),
            f"{bundle.bundle_id} is {state} for {bundle.source}",
            f"  {bundle.folder}",
        ],
        failure=failure,
    )
