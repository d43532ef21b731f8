"""`gogooku prune`: remove what is old and what nothing needs; by default only say what that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from gogooku.commands.answer import Answer
from gogooku.commands.display import counted, table
from gogooku.core.config import resolve
from gogooku.core.progress import Reporter
from gogooku.core.wall import WallClock
from gogooku.retention.disk import freed_bytes
from gogooku.retention.policy import PruneConfig, plan_prune
from gogooku.retention.prune import prune as remove

_MEGABYTE = 1e6


def prune(
    home: Path,
    *,
    confirmed: bool,
    config: Path | None,
    assignments: Sequence[str],
    clock: WallClock,
    reporter: Reporter,
) -> Answer:
    """Say what can go, and remove it where that is confirmed.

    Raises
    ------
    ConfigError
        A setting is wrong.
    DataError
        Something is damaged, so that what it needs cannot be known; nothing is removed.
    BusyError
        An evening is running.
    """
    chosen = resolve(PruneConfig(), base_name="prune", file=config, assignments=assignments).config
    plan = plan_prune(home, chosen, now=clock.now())
    reasons = Counter((item.part, item.why) for item in plan.items)
    rows = [
        (part, count, _megabytes(one.path for one in plan.items if (one.part, one.why) == key), why)
        for key, count in sorted(reasons.items())
        for part, why in (key,)
    ]
    size = plan.num_bytes
    facts = {**plan.to_json(), "removed": 0, "busy": []}
    parts: list[object] = []
    if rows:
        parts.append(table("can go", ["part", "how many", "MB", "why"], rows))
    stays = [(part, text) for part, texts in plan.kept.items() for text in texts]
    if stays:
        parts.append(table("old and stays", ["part", "what and why"], stays))
    if not rows:
        parts.append("nothing can go")
    elif not confirmed:
        parts.append(
            f"{counted(len(plan.items), 'thing')} can go, {size / _MEGABYTE:,.1f} MB; nothing was "
            "removed. To remove them: gogooku prune --yes"
        )
    else:
        done = remove(home, plan, reporter=reporter)
        facts |= {"removed": len(done.gone), "busy": [str(item.path) for item in done.busy]}
        parts.append(f"{counted(len(done.gone), 'thing')} removed, {size / _MEGABYTE:,.1f} MB")
        parts += [f"stays, a command is writing it: {item.path}" for item in done.busy]
    return Answer(facts=facts, parts=parts)


def _megabytes(paths: Iterable[Path]) -> str:
    return f"{freed_bytes(paths) / _MEGABYTE:,.1f}"
