"""Which plan a key has, and the dates it may see, as it was found and is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Self

from gogooku.core.errors import DataError
from gogooku.ingest.jquants.endpoints import Endpoint
from gogooku.ingest.jquants.plans import Plan, plan_window

_SHIFT_DAYS: Final = 3
"""Up to this the vendor's ends are its own way of counting years, and move on with today."""


@dataclass(frozen=True)
class Subscription:
    """A plan and its window as the server gave them on the day ``seen``.

    ``last`` is None where the window is open at its end. ``mark`` says of which key and address it
    is (`gogooku.ingest.jquants.origin`; empty where that was not kept), ``since`` from when on they
    are asked with this plan (aware; None where that was not kept).
    """

    plan: Plan
    first: date
    last: date | None
    seen: date
    mark: str = field(default="", compare=False)
    since: datetime | None = field(default=None, compare=False)

    def window(self, today: date, *, endpoint: Endpoint | None = None) -> tuple[date, date]:
        """First and last date that can be asked for today, both included.

        Parameters
        ----------
        today : date
            In Tokyo.
        endpoint : Endpoint, optional
            Cuts the window to the endpoint's history.
        """
        first, last = plan_window(self.plan, today)
        shift = self.first - plan_window(self.plan, self.seen)[0]
        # A far end that is not the rule's is the start of all data: it stays where it is.
        first = first + shift if abs(shift.days) <= _SHIFT_DAYS else max(first, self.first)
        if self.last is not None:
            last += self.last - plan_window(self.plan, self.seen)[1]
        if endpoint is not None and endpoint.starts is not None:
            first = max(first, endpoint.starts)
        return first, last

    def to_json(self) -> dict[str, Any]:
        """As plain values, for a file."""
        return {
            "plan": self.plan.name.lower(),
            "first": self.first.isoformat(),
            "last": self.last.isoformat() if self.last else None,
            "seen": self.seen.isoformat(),
            "mark": self.mark,
            "since": self.since.isoformat() if self.since else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; anything else is a `DataError`."""
        try:
            return cls(
                plan=Plan[value["plan"].upper()],
                first=date.fromisoformat(value["first"]),
                last=date.fromisoformat(value["last"]) if value["last"] else None,
                seen=date.fromisoformat(value["seen"]),
                mark=str(value.get("mark", "")),
                since=datetime.fromisoformat(value["since"]) if value.get("since") else None,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise DataError(
                f"the remembered subscription is not readable ({fault!r}); run gogooku sync "
                "--repair, which forgets it, then gogooku sync, which asks for it again."
            ) from fault
