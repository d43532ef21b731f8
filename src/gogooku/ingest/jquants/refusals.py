"""What a final answer of the vendor means, each as one sentence with what to do.

V2 says much with few numbers (a wrong key, a plan without the endpoint and an unknown path are all
403), so the *text* decides first, whatever the number:

===========================================  ====================
the message contains                         it is
===========================================  ====================
``covers the following dates: A ~ [B]``      `OutsideWindow`
``not available on your subscription``       `NotInPlan`
``active subscription``                      `NoSubscription`
``endpoint does not exist``                  `BadRequest`
``invalid or expired``, ``api key``          `RefusedKey`
===========================================  ====================

For another text the number decides: 401 and 403 are `RefusedKey` (a gateway says only
"Forbidden"), everything else is `BadRequest`.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from gogooku.core.errors import TerminalError

_WINDOW: Final = re.compile(
    r"covers the following dates:\s*(\d{4}-\d{2}-\d{2})\s*~\s*(\d{4}-\d{2}-\d{2})?"
)

_YEARS: Final = range(1990, 2100)
"""A window that goes beyond is none."""


class RefusedKey(TerminalError):  # noqa: N818 - named after what happened
    """The key is missing, wrong or deleted."""


class NoSubscription(TerminalError):  # noqa: N818
    """The account has no active subscription."""


class BadRequest(TerminalError):  # noqa: N818
    """The request itself is not accepted.

    ``status`` is the number of the answer: 400 is about the arguments, another one about the place.
    """

    status = 400


class NotInPlan(TerminalError):  # noqa: N818
    """The subscription does not include this endpoint; ``endpoint`` is its name."""

    def __init__(self, endpoint: str, *, said: str) -> None:
        super().__init__(
            f"{endpoint}: not in your J-Quants plan (the server said: {said}). The other sources "
            "are not affected; a higher plan has it."
        )
        self.endpoint = endpoint


class OutsideWindow(TerminalError):  # noqa: N818
    """The dates asked for are not in the subscription's window, ``first`` to ``last``.

    ``last`` is None where the window is open at its end.
    """

    def __init__(self, first: date, last: date | None, *, said: str) -> None:
        super().__init__(
            f"the subscription covers {first} to {last or 'today'} (the server said: {said}). Ask "
            "for dates inside, or choose a plan that reaches further."
        )
        self.first = first
        self.last = last


def refusal(status: int, said: str, *, host: str, name: str, request: str) -> TerminalError:
    """The error of a final answer.

    Parameters
    ----------
    status : int
    said : str
        The server's words in one line, already without the key.
    host, name, request : str
        Who answered; what was asked for, as people call it; the request with its arguments.
    """
    said = said or "nothing"
    lower = said.lower()
    answer = f"{host} answered {status}: {said}"
    if window := _window(said):
        return OutsideWindow(*window, said=said)
    if "not available on your subscription" in lower:
        return NotInPlan(name, said=said)
    if "active subscription" in lower:
        return NoSubscription(
            f"the J-Quants account has no active subscription ({answer}); choose a plan in the "
            "J-Quants dashboard (the Free plan ends after a year and can be taken again)."
        )
    unknown = "endpoint does not exist" in lower
    refused = any(words in lower for words in ("invalid or expired", "api key"))
    if not unknown and (refused or status in (401, 403)):
        return RefusedKey(
            f"the key in JQUANTS_API_KEY was not accepted ({answer}); compare it with the "
            "J-Quants dashboard or create a new one."
        )
    if 300 <= status < 400:
        answer = f"{host} answered {status}, a redirect, which is not followed"
    bad = BadRequest(
        f"{request}: not accepted ({answer}). Check the arguments and JQUANTS_BASE_URL; asking "
        "again will not help."
    )
    bad.status = status
    return bad


def _window(said: str) -> tuple[date, date | None] | None:
    """The two ends of the window that a message names; None if it names none."""
    found = _WINDOW.search(said)
    if found is None:
        return None
    try:
        first, last = (date.fromisoformat(day) if day else None for day in found.groups())
    except ValueError:
        return None
    if first is None or first.year not in _YEARS or (last and not first <= last):
        return None
    return (first, last) if last is None or last.year in _YEARS else None
