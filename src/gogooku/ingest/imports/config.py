"""How files of prices are read, as one configuration."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum

from pydantic import Field, field_validator

from gogooku.core.config import Config
from gogooku.core.findings import short
from gogooku.ingest.imports.dates import DateOrder
from gogooku.ingest.imports.factors import FactorDirection, FactorForm, FactorSession
from gogooku.ingest.imports.moves import MissingSplits
from gogooku.ingest.source import SOURCE_NAME

_ENTRY = "CODE:DATE, for example 13310:2023-11-08"


class ExchangeName(StrEnum):
    """Exchanges whose clock is known, see `gogooku.core.calendar`."""

    TOKYO = "tokyo"
    NEW_YORK = "new_york"


class PriceBasis(StrEnum):
    """What the prices of a file already contain."""

    RAW = "raw"
    """As traded."""

    BACK_ADJUSTED = "back_adjusted"
    """Divided by later splits: price levels and price floors look ahead, returns do not."""


class ImportConfig(Config):
    """How files become a delivery."""

    name: str = Field(
        default="prices",
        pattern=f"^{SOURCE_NAME}$",
        description="1 to 64 lower-case letters, digits, - and _, first a letter or digit",
    )
    """Name of the source in the store."""

    exchange: ExchangeName = ExchangeName.TOKYO
    """Whose sessions these are: the clock and, in Tokyo, the calendar check."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Field to column of the file, instead of the guess; an empty column leaves the field out."""

    date_order: DateOrder = DateOrder.AUTO
    """How 03/04/2024 is meant, where the dates of the file do not decide it."""

    price_basis: PriceBasis = PriceBasis.RAW
    """Recorded as a known bias of everything built on the delivery."""

    factor_form: FactorForm = FactorForm.AUTO
    """What one adjustment factor stands for."""

    factor_direction: FactorDirection = FactorDirection.AUTO
    """What an adjustment factor is of two shares for one."""

    factor_session: FactorSession = FactorSession.AUTO
    """On which session an adjustment factor stands."""

    missing_splits: MissingSplits = MissingSplits.REFUSE
    """What happens where the close moves like a split that no factor explains."""

    other_company: tuple[str, ...] = ()
    """``CODE:DATE``: from that date on the code is another company; the one before keeps its rows
    under CODE_YYYYMMDD, the date of its last row."""

    @field_validator("other_company", mode="before")
    @classmethod
    def _as_list(cls, value: object) -> object:
        """One entry, or several with commas, without the brackets of a list."""
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("other_company")
    @classmethod
    def _entries(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            split_entry(entry)
        return value


def split_entry(entry: str) -> tuple[str, date]:
    """Code and date of an entry ``CODE:DATE``.

    Raises
    ------
    ValueError
        It is none.
    """
    code, _, day = entry.rpartition(":")
    known = re.fullmatch(r"\d{4}-\d{2}-\d{2}", day)
    if not code or not known:
        raise ValueError(f"{short(entry)} is not {_ENTRY}")
    try:
        return code, date.fromisoformat(day)
    except ValueError as fault:
        raise ValueError(f"{short(entry)} is not {_ENTRY}: {fault}") from fault
