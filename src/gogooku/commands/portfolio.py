"""`gogooku portfolio`: the target portfolio that the released bundle published."""

from __future__ import annotations

from pathlib import Path

from gogooku.commands.again import written
from gogooku.commands.answer import Answer
from gogooku.commands.display import counted, frame_table
from gogooku.commands.orders import Asked, account_lines, facts_of, published
from gogooku.predict.output import write_table
from gogooku.publish.publication import TARGET


def portfolio(home: Path, asked: Asked) -> Answer:
    """The target portfolio after a session.

    Raises
    ------
    GogookuError
        As `orders`.
    """
    bundle, made, account = published(home, asked)
    frame = made.frame(TARGET)
    title = f"Target after {made.session} of {bundle.bundle_id}, decided {account['decided']}"
    parts: list[object] = [frame_table(title, frame), *account_lines(bundle, account)]
    if asked.output is not None:
        changed = write_table(asked.output, frame)
        parts.append(written(asked.output, counted(frame.height, "name"), changed=changed))
    facts = {**facts_of(bundle, made, account), "target": frame.to_dicts()}
    return Answer(facts=facts, parts=parts)
