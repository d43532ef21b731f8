"""`gogooku release`, `releases` and `rollback`: which model is in service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.core.config import resolve
from gogooku.core.terms import at_exchange
from gogooku.core.wall import WallClock
from gogooku.portfolio.backtest import TradeConfig
from gogooku.releases import registry
from gogooku.releases.bundle import bundle_ids, make_bundle, open_bundle
from gogooku.releases.registry import State, read_registry
from gogooku.releases.scorecard import scorecard_of
from gogooku.runs.find import open_run
from gogooku.runs.judge import tries_on
from gogooku.runs.trade import BACKTEST


def release(
    home: Path,
    name: str,
    *,
    shadow: bool,
    why: str,
    config: Path | None,
    assignments: Sequence[str],
    clock: WallClock,
) -> Answer:
    """Make the bundle of a run, and put it in service.

    Parameters
    ----------
    name : str
        A run, or a bundle that is there already.
    shadow : bool
        Score it each evening beside the released one instead.
    why : str
        Kept in the history.

    Raises
    ------
    GogookuError
        As `gogooku.pipeline.evaluate`, `gogooku.pipeline.backtest` and `make_bundle`.
    """
    run = open_run(home, name)
    resolved = resolve(TradeConfig(), base_name=BACKTEST, file=config, assignments=assignments)
    trade = at_exchange(resolved, run.exchange(home))
    judged, traded = pipeline.evaluate(home, run), pipeline.backtest(home, run, trade)
    card = scorecard_of(run, judged, traded, tries=tries_on(home, run))
    bundle = make_bundle(home, run, run.dataset(home), trade=trade, scorecard=card)
    move = registry.shadow if shadow else registry.release
    now = move(home, bundle.bundle_id, source=bundle.source, why=why, at=clock.now())
    state = now.state_of(bundle.bundle_id)
    return Answer(
        facts={
            "bundle": bundle.bundle_id,
            "source": bundle.source,
            "state": str(state),
            "run": run.run_id,
            "folder": str(bundle.folder),
        },
        parts=[f"{bundle.bundle_id} is {state} for {bundle.source}", f"  {bundle.folder}"],
    )


def releases(home: Path) -> Answer:
    """Every bundle of a home with its state, and every move."""
    now = read_registry(home)
    bundles = [open_bundle(home, name) for name in bundle_ids(home)]
    rows = [
        (
            one.source,
            one.bundle_id,
            str(now.state_of(one.bundle_id)),
            one.scorecard["skill"].get("h5.rank_ic", {}).get("value"),
        )
        for one in bundles
    ]
    moves = [
        (move.at.strftime("%Y-%m-%d %H:%M"), move.bundle, str(move.act), str(move.after), move.why)
        for move in now.history
    ]
    return Answer(
        facts={
            "bundles": [
                {"source": source, "bundle": name, "state": state, "rank_ic_5": skill}
                for source, name, state, skill in rows
            ],
            "history": [move.to_json() for move in now.history],
        },
        parts=[
            table("bundles", ["source", "bundle", "state", "RankIC at 5"], rows),
            table("history", ["at (UTC)", "bundle", "act", "became", "why"], moves),
        ],
    )


def rollback(home: Path, source: str, *, why: str, clock: WallClock) -> Answer:
    """Put the bundle back that was released before.

    Raises
    ------
    DataError
        There is none.
    """
    went, came = registry.rollback(home, source=source, why=why, at=clock.now())
    state = read_registry(home).state_of(came)
    return Answer(
        facts={"source": source, "bundle": came, "state": str(State(state)), "instead_of": went},
        parts=[f"{came} is {state} for {source} again, instead of {went}"],
    )
