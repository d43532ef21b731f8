"""The dashboard of what is served: made once for each snapshot, standing and language."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from gogooku.dashboard.page import render_dashboard
from gogooku.dashboard.shown import Shown
from gogooku.evaluate.page import PAGE_POLICY
from gogooku.evaluate.words import Language, Text, Words, sessions
from gogooku.publish.orders import PORTFOLIO
from gogooku.publish.reasons import WHY_NOT
from gogooku.serve.answers import Answer, Later, prepared
from gogooku.serve.pages import HTML
from gogooku.serve.snapshot import Snapshot
from gogooku.serve.standing import Standing
from gogooku.watch.summary import due_after

_HEADERS: Final = {
    "vary": "accept-encoding, accept-language",
    "content-security-policy": f"{PAGE_POLICY}; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
"""Of the page: it runs its own scripts, and no other page holds it or learns of it."""
_QUALITY = re.compile(r"\s*([a-zA-Z]{1,8})(?:-[a-zA-Z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*")


def preferred(accepted: str) -> Language:
    """The language that ``Accept-Language`` prefers among those of the page; English if none."""
    quality: dict[str, float] = {}
    for one in accepted.split(","):
        found = _QUALITY.fullmatch(one)
        if found is not None:
            name = found[1].lower()
            quality[name] = max(quality.get(name, 0.0), float(found[2] or 1.0))
    wanted = {one: quality.get(one.value, 0.0) for one in Language}
    return Language.JA if wanted[Language.JA] > wanted[Language.EN] else Language.EN


def shown_of(held: Snapshot, now: Standing) -> Shown:
    """What a snapshot shows, as it stands now."""
    newest, status = held.newest, held.status
    before = held.history[-2] if len(held.history) > 1 else None
    moves = [move for move in held.registry["history"] if move["bundle"] == newest.bundle]
    due = due_after(held.exchange, held.clock, newest.session).replace(tzinfo=UTC)
    return Shown(
        source=held.source,
        exchange=held.exchange,
        simulated=held.simulated,
        bundle=newest.bundle,
        run=str(newest.facts.get("run")),
        released_at=datetime.fromisoformat(moves[-1]["at"]) if moves else None,
        session=newest.session,
        published_at=newest.published_at,
        due=due,
        horizon=newest.horizon,
        frames=newest.frames,
        live=status.live,
        before=None if before is None else before.ranking,
        before_session=None if before is None else before.session,
        account=newest.facts.get(PORTFOLIO),
        evening=status.evening,
        gates=newest.facts.get("gates", ()),
        measured=status.measured,
        promised=held.registry["scorecard"].get("skill", {}),
        shadows=held.registry["shadows"],
        why_not=str(newest.facts.get(WHY_NOT, "")),
        troubles=troubles(now, held),
    )


def troubles(now: Standing, held: Snapshot) -> list[Words]:
    """Why what is served may be old, or may lack something."""
    found: list[Words] = []
    if now.behind:
        found.append(
            Text(
                "This is not the newest session: {day} is due, {n} missing.",
                "最新の営業日ではない: {day}の公開がまだなく、{n}分が不足している。",
            ).filled(day=str(now.expected), n=sessions(now.behind))
        )
    elif now.why != now.stale:
        found.append(_why(now.why))
    if now.stale and (now.behind or now.why == now.stale):
        found.append(_why(now.stale))
    return [*found, *map(_why, held.status.unreadable)]


def _why(text: str) -> Text:
    return Text(text, f"配信中の内容に問題がある: {text}")


def dashboard(held: Snapshot, now: Standing, *, language: Language) -> Answer | Later:
    """The page, from what is kept or to be made."""
    key = ("dashboard", language, now.why)
    found = held.kept.get(key)
    if found is not None:
        return found
    return Later(lambda: held.kept.of(key, lambda: _made(held, now, language)))


def _made(held: Snapshot, now: Standing, language: Language) -> Answer:
    text = render_dashboard(shown_of(held, now), language=language)
    return prepared(text.encode(), content_type=HTML, headers=_HEADERS)
