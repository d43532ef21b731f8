"""What a command has to say: one type for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gogooku.core.errors import EnvironmentalError, FindingError


@dataclass(frozen=True)
class Answer:
    """What a finished command has to say, to programs and to people.

    Attributes
    ----------
    facts : Any
        The document that ``--json`` prints; values that JSON lacks are printed as text.
    parts : sequence of object
        The same for people: tables and lines, in the order in which they are printed.
    failure : FindingError or EnvironmentalError, optional
        What is wrong although the command ran to its end. It is raised once the answer is printed;
        its kind decides the exit code.
    found : mapping of str to Any
        What only came out on the way and the lines on what follows need, beside what was given.
    """

    facts: Any
    parts: Sequence[object]
    failure: FindingError | EnvironmentalError | None = None
    found: Mapping[str, Any] = field(default_factory=dict)
