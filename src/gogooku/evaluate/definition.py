"""What one measure means: label, unit, sign and one sentence, in two languages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Unit = Literal["", "bps", "%", "x", "sessions", "names"]


@dataclass(frozen=True)
class Definition:
    """One measure, for people.

    Attributes
    ----------
    label_en, label_ja : str
        Short name; ``{k}`` stands for the number in the measure's name.
    meaning_en, meaning_ja : str
        One sentence.
    unit : str
        Unit of the number that is shown: none, basis points, per cent, times, sessions or names.
    higher_is_better : bool or None
        None where neither direction is good in itself.
    digits : int
        Decimal places shown.
    scale : float
        What the stored value is multiplied with to be shown: returns and shares are stored as
        fractions.
    """

    label_en: str
    label_ja: str
    meaning_en: str
    meaning_ja: str
    unit: Unit = ""
    higher_is_better: bool | None = True
    digits: int = 3
    scale: float = 1.0

    def number(self, value: float | None) -> str:
        """A stored value as it is shown, without its unit; a dash for nothing and for NaN."""
        if value is None or math.isnan(value):
            return "-"
        return f"{value * self.scale:,.{self.digits}f}"

    def text(self, value: float | None) -> str:
        """A stored value as it is shown, with its unit: ``12.3 bps``, ``51.2%``."""
        shown = self.number(value)
        if shown == "-" or not self.unit:
            return shown
        return f"{shown}{'' if self.unit in ('%', 'x') else ' '}{self.unit}"


def share(
    labels: tuple[str, str],
    meanings: tuple[str, str],
    *,
    better: bool | None = True,
    digits: int = 1,
) -> Definition:
    """A fraction, shown in per cent."""
    return Definition(*labels, *meanings, "%", better, digits, scale=100.0)
