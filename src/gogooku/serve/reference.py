"""The reference of the server, written from its pages: ``python -m gogooku.serve.reference``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from gogooku.core.wall import SystemClock
from gogooku.serve.common_pages import with_common
from gogooku.serve.fresh import Fresh
from gogooku.serve.keys import KeyRing
from gogooku.serve.measures import Measures
from gogooku.serve.openapi import document
from gogooku.serve.publications import Desk
from gogooku.serve.snapshot import Snapshot

PAGE = Path("docs/api.md")
COMMAND = "python -m gogooku.serve.reference"

_HEAD = f"""# The server

<!-- Written by `{COMMAND}`; a test compares. Do not edit. -->

`gogooku serve` answers GET and HEAD. Everything but what is marked *open* needs a key (`gogooku
keys add NAME`): in the header `X-API-Key`, as `Authorization: Bearer KEY`, or as the password of
HTTP Basic, which is how a browser sends it. Answers are JSON unless marked, compressed
where the request takes gzip, and have an ETag: with `If-None-Match` an answer that is known already
is 304 and empty. The document that this page is written from is `/openapi.json`.
"""


def document_of_publications() -> dict[str, Any]:
    """The API document of a server of publications; nothing is opened, and nobody is answered."""
    nothing = cast("Fresh[Snapshot]", Fresh.fixed(None))
    nobody = cast("Fresh[KeyRing]", Fresh.fixed(None))
    clock = SystemClock()
    desk = Desk(nothing, nobody, clock)
    return document(with_common(desk.pages(), Measures(), tuple))


def api_page(described: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document."""
    paths = described["paths"].items()
    parts = [_HEAD, *(_section(path, found["get"]) for path, found in paths), _refusals(described)]
    return "\n".join(parts)


def _section(path: str, operation: Mapping[str, Any]) -> str:
    (kind, content), *_ = operation["responses"]["200"]["content"].items()
    lines = [f"## `{path}`", "", operation["summary"]]
    notes = ["open" if operation.get("security") == [] else "", "" if "json" in kind else kind]
    if any(notes):
        lines += ["", f"*{', '.join(filter(None, notes))}*"]
    rows = list(_parameters(operation["parameters"]))
    if rows:
        lines += ["", "| parameter | what it is | values |", "|---|---|---|", *rows]
    fields = content["schema"].get("properties", {})
    if fields:
        lines += ["", *(f"- `{name}`: {one['description']}" for name, one in fields.items())]
    return "\n".join([*lines, ""])


def _parameters(parameters: list[Mapping[str, Any]]) -> Iterator[str]:
    for one in parameters:
        schema = one["schema"]
        limits = [str(schema.get(name)) for name in ("minimum", "maximum") if name in schema]
        values = schema.get("enum") or [" to ".join(limits)] if limits else schema.get("enum")
        said = ", ".join(map(str, values)) if values else schema.get("format", schema.get("type"))
        what = one.get("description", "Part of the path.")
        yield f"| `{one['name']}` | {what} | {said} |"


def _refusals(described: Mapping[str, Any]) -> str:
    codes: dict[str, str] = {}
    for found in described["paths"].values():
        for code, one in found["get"]["responses"].items():
            if code != "200":
                codes[code] = one["description"]
    rows = [f"| {code} | {meaning} |" for code, meaning in sorted(codes.items())]
    return "\n".join(
        [
            "## Refusals",
            "",
            'Each is `{"detail": "..."}` with what is wrong.',
            "",
            "| code | when |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(api_page(document_of_publications()), encoding="utf-8")


if __name__ == "__main__":
    main()
