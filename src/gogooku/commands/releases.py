"""`gogooku releases`: every bundle, its state and every move."""

from __future__ import annotations

from pathlib import Path

from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.releases.bundle import bundle_ids, open_bundle
from gogooku.releases.limits import looser
from gogooku.releases.registry import Move, read_registry
from gogooku.releases.verdicts import Outcome


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
            "; ".join(looser(one.limits.config)),
        )
        for one in bundles
    ]
    moves = [
        (
            move.at.strftime("%Y-%m-%d %H:%M"),
            move.bundle,
            str(move.act),
            str(move.after),
            _gates_in_words(move),
            move.why,
        )
        for move in now.history
    ]
    return Answer(
        facts={
            "bundles": [
                {
                    "source": source,
                    "bundle": name,
                    "state": state,
                    "rank_ic_5": skill,
                    "limits": one.limits.to_json(),
                    "looser_limits": looser(one.limits.config),
                }
                for one, (source, name, state, skill, _) in zip(bundles, rows, strict=True)
            ],
            "history": [move.to_json() for move in now.history],
        },
        parts=[
            table("bundles", ["source", "bundle", "state", "RankIC at 5", "looser limits"], rows),
            table("history", ["at (UTC)", "bundle", "act", "became", "gates", "why"], moves),
        ],
    )


def _gates_in_words(move: Move) -> str:
    """Of the gates of a move, how many it passed and which refused, warned or were overruled."""
    kinds: dict[str, list[str]] = {}
    for one in move.gates:
        kind = "accepted" if one.get("accepted") else str(one["outcome"])
        kinds.setdefault(kind, []).append(str(one["gate"]))
    good = kinds.pop(str(Outcome.PASSED), [])
    words = [f"{len(good)} passed"] if good else []
    return "; ".join([*words, *(f"{kind}: {', '.join(names)}" for kind, names in kinds.items())])
