"""How a query goes on, page after page: whether it comes to an end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gogooku.ingest.jquants.bodies import too_large

QUERY_PAGES: Final = 1_000
QUERY_BYTES: Final = 512 << 20
QUERY_ROWS: Final = 2_000_000
"""Most pages of a query, most bytes, most rows: a day of the whole market has some, of a few MB."""
_REPEATED_LIMIT: Final = 3
"""So many pages in a row that were had before are no accident: the query has no end."""
_EMPTY_RUN: Final = 20
"""So many empty pages in a row, each with another successor, are none either."""


@dataclass
class Course:
    """How a query goes on, page after page."""

    num_pages: int = 0
    num_bytes: int = 0
    num_rows: int = 0
    _seen: set[tuple[str, str, int]] = field(default_factory=set)
    _repeated: int = 0
    _empty: int = 0

    def fault(self, num_bytes: int, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """Count a page that is not the last; what shows that the query has no end, or None."""
        self.num_pages += 1
        self.num_bytes += num_bytes
        self.num_rows += len(rows)
        if not rows:
            self._empty += 1
            return "empty pages without end" if self._empty >= _EMPTY_RUN else None
        self._empty = 0
        sign = (repr(rows[0]), repr(rows[-1]), len(rows))
        self._repeated = self._repeated + 1 if sign in self._seen else 0
        self._seen.add(sign)
        repeated = self._repeated >= _REPEATED_LIMIT
        return "pages that repeat earlier ones under new keys" if repeated else None

    def refuse_long(self, asked: str) -> None:
        """Refuse to go on with more pages or bytes than a query may have."""
        if self.num_pages >= QUERY_PAGES:
            raise too_large(f"{asked}: the number of pages", f"{QUERY_PAGES:,}")
        if self.num_bytes > QUERY_BYTES:
            raise too_large(f"{asked}: the size of all pages", f"{QUERY_BYTES >> 20:,} MiB")
        if self.num_rows > QUERY_ROWS:
            raise too_large(f"{asked}: the number of rows", f"{QUERY_ROWS:,}")
