"""Which bundle is in service: one file, ``HOME/releases/registry.json``, replaced as a whole.

Per source there is one released bundle at most. A bundle is a **candidate** when it is made, may be
a **shadow** (scored each evening beside the released one, published to nobody), is **released**
once it has passed its gates, and **retired** when another takes its place. Every move is a line of
the
history; none is ever taken out. Readers see the state before a move or after it, since the file is
renamed into place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from gogooku.core.errors import DataError
from gogooku.core.files import locked, read_json, write_json, write_point
from gogooku.releases.bundle import bundle_ids, bundles_folder

REGISTRY_FILE: Final = "registry.json"


class State(StrEnum):
    """What a bundle is used for."""

    CANDIDATE = "candidate"
    """Made, and used for nothing."""

    SHADOW = "shadow"
    """Scored each evening beside the released one."""

    RELEASED = "released"
    """What is published and served."""

    RETIRED = "retired"
    """Was released once."""


class Act(StrEnum):
    """Why a bundle moved."""

    SHADOW = "shadow"
    RELEASE = "release"
    ROLLBACK = "rollback"
    RETIRE = "retire"
    REFUSE = "refuse"
    """A gate stopped it: nothing moved."""


Gates = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Move:
    """One line of the history: when which bundle of a source went from which state to which.

    ``gates`` is what the gates said of it (`gogooku.releases.verdicts.Verdict`, and ``accepted``
    where one that refused was overruled); empty where none was asked.
    """

    at: datetime
    source: str
    bundle: str
    act: Act
    before: State
    after: State
    why: str
    gates: Gates = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = {**vars(self), "at": self.at.isoformat(timespec="seconds")}
        plain.pop("gates")
        return {**plain, "gates": list(self.gates)} if self.gates else plain


@dataclass(frozen=True)
class Registry:
    """The state of every bundle, and how it came to be.

    Attributes
    ----------
    states : mapping of str to (str, State)
        Bundle to its source and state. A bundle that no move names is a candidate.
    history : tuple of Move
        Oldest first.
    """

    states: Mapping[str, tuple[str, State]]
    history: tuple[Move, ...]

    def released(self, source: str) -> str | None:
        """The bundle that is published and served for a source."""
        return next(iter(self.in_state(source, State.RELEASED)), None)

    def in_state(self, source: str, state: State) -> list[str]:
        """Bundles of a source in a state, the one that came into it last at the end."""
        found = [name for name, (of, now) in self.states.items() if (of, now) == (source, state)]
        moved = [move for move in self.history if move.act is not Act.REFUSE]
        order = {move.bundle: place for place, move in enumerate(moved)}
        return sorted(found, key=lambda name: order[name])

    def standby(self, source: str) -> str | None:
        """The bundle that a rollback would put back: the one released before the one in service.

        A rollback takes its bundle off for good, so a second one goes a further step back and does
        not return to what was taken off. None where nothing was released before.
        """
        stack: list[str] = []
        for one in self.history:
            if one.source != source or one.after is not State.RELEASED or one.act is Act.REFUSE:
                continue
            if one.act is Act.ROLLBACK:
                stack = stack[: stack.index(one.bundle) + 1]
            else:
                stack = [name for name in stack if name != one.bundle] + [one.bundle]
        return stack[-2] if len(stack) > 1 else None

    def state_of(self, bundle: str) -> State:
        """The state of a bundle."""
        return self.states.get(bundle, ("", State.CANDIDATE))[1]


def registry_path(home: Path) -> Path:
    """Where the registry is kept."""
    return bundles_folder(home) / REGISTRY_FILE


def read_registry(home: Path) -> Registry:
    """The registry of a home; one in which nothing ever moved has no file.

    Raises
    ------
    DataError
        It is damaged.
    """
    path = registry_path(home)
    if not path.exists():
        return Registry(states={}, history=())
    written = read_json(path)
    try:
        moves = tuple(_move(one) for one in written["history"])
    except (KeyError, TypeError, ValueError) as fault:
        raise DataError(
            f"{path}: is no registry of bundles ({fault}); it is damaged. Put back a copy of it, "
            "or remove it and release a bundle again: gogooku release"
        ) from fault
    states = {
        move.bundle: (move.source, move.after) for move in moves if move.act is not Act.REFUSE
    }
    return Registry(states=states, history=moves)


def _move(raw: Mapping[str, Any]) -> Move:
    return Move(
        at=datetime.fromisoformat(raw["at"]),
        source=str(raw["source"]),
        bundle=str(raw["bundle"]),
        act=Act(raw["act"]),
        before=State(raw["before"]),
        after=State(raw["after"]),
        why=str(raw["why"]),
        gates=tuple(raw.get("gates", ())),
    )


def shadow(
    home: Path, bundle: str, *, source: str, why: str, at: datetime, gates: Gates = ()
) -> Registry:
    """Score a bundle each evening beside the released one; as `release`."""
    wanted = {bundle: State.SHADOW}
    return _move_to(home, wanted, Act.SHADOW, source=source, why=why, at=at, gates=gates)


def retire(home: Path, bundle: str, *, source: str, why: str, at: datetime) -> Registry:
    """Use a bundle for nothing any more; as `release`."""
    return _move_to(home, {bundle: State.RETIRED}, Act.RETIRE, source=source, why=why, at=at)


def refuse(
    home: Path, bundle: str, *, source: str, why: str, at: datetime, gates: Gates
) -> Registry:
    """Keep that gates stopped a bundle, in the state that it has; as `release`."""
    path = registry_path(home)
    with locked(path):
        before = read_registry(home)
        state = before.state_of(bundle)
        _append(path, before, [Move(at, source, bundle, Act.REFUSE, state, state, why, gates)])
    return read_registry(home)


def release(
    home: Path, bundle: str, *, source: str, why: str, at: datetime, gates: Gates = ()
) -> Registry:
    """Put a bundle in service, and retire the one that was; returns the registry after it.

    Parameters
    ----------
    gates : tuple of mapping
        What its gates said, see `Move`.

    Raises
    ------
    DataError
        The bundle is not in the home, or the registry is damaged.
    BusyError
        Another process is moving one.
    """
    wanted = {bundle: State.RELEASED}
    return _move_to(home, wanted, Act.RELEASE, source=source, why=why, at=at, gates=gates)


def rollback(home: Path, *, source: str, why: str, at: datetime) -> tuple[str, str]:
    """Put the bundle back that was released before; returns what went and what came.

    Raises
    ------
    DataError
        Nothing is released, or nothing was before.
    """
    registry = read_registry(home)
    serving, standby = registry.released(source), registry.standby(source)
    if serving is None or standby is None:
        lacks = "no bundle is released" if serving is None else "none was released before"
        raise DataError(
            f"{source}: {lacks}, so there is nothing to go back to; gogooku releases lists what "
            "there is"
        )
    _move_to(home, {standby: State.RELEASED}, Act.ROLLBACK, source=source, why=why, at=at)
    return serving, standby


def _move_to(
    home: Path,
    wanted: Mapping[str, State],
    act: Act,
    *,
    source: str,
    why: str,
    at: datetime,
    gates: Gates = (),
) -> Registry:
    """Move bundles of a source, all at once."""
    known = bundle_ids(home)
    for name in wanted:
        if name not in known:
            raise DataError(
                f"bundle {name}: is not in {bundles_folder(home)}; make it again: gogooku release"
            )
    path = registry_path(home)
    with locked(path):
        before = read_registry(home)
        targets = dict(wanted)
        serving = before.released(source)
        if State.RELEASED in wanted.values() and serving is not None:
            targets.setdefault(serving, State.RETIRED)
        moves = [
            Move(
                at,
                source,
                name,
                act,
                before.state_of(name),
                state,
                why,
                gates if name in wanted else (),
            )
            for name, state in targets.items()
            if before.state_of(name) is not state
        ]
        if moves:
            _append(path, before, moves)
            write_point("registry.moved")
    return read_registry(home)


def _append(path: Path, before: Registry, moves: Sequence[Move]) -> None:
    """Write the registry with more lines at its end."""
    history = [one.to_json() for one in (*before.history, *moves)]
    write_json(path, {"kind": "registry", "history": history})


def the_released(home: Path, source: str) -> str:
    """The bundle that is released for a source.

    Raises
    ------
    DataError
        None is.
    """
    found = read_registry(home).released(source)
    if found is None:
        raise DataError(
            f"{source}: no bundle is released, so there is no model to rank with; train one, and "
            "then: gogooku release RUN"
        )
    return found


def scored_each_evening(registry: Registry, source: str) -> Sequence[str]:
    """Bundles of a source that an evening ranks with: released, then shadows, then the standby."""
    first = [name for name in (registry.released(source),) if name is not None]
    last = [name for name in (registry.standby(source),) if name is not None]
    return [*first, *registry.in_state(source, State.SHADOW), *last]
