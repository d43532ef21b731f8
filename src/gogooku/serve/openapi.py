"""The API document, made from the table of pages: OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from gogooku import __version__
from gogooku.serve.keys import KEY_HEADER
from gogooku.serve.pages import Page, Pages, Parameter

_REFUSALS = {
    "401": "No valid key.",
    "404": "There is no such session, horizon, name or part.",
    "422": "A parameter that the page does not have, or a value that it does not take.",
    "429": "Too many requests of a key, or too many wrong keys of an address; see Retry-After.",
    "503": "Overloaded, or what is asked for is damaged; see the detail.",
}


def document(pages: Pages) -> dict[str, Any]:
    """What the server answers, as OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "gogooku", "version": __version__},
        "paths": {page.path: {"get": _operation(page)} for page in pages.all},
        "components": {
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": KEY_HEADER},
                "bearer": {"type": "http", "scheme": "bearer"},
                "browser": {"type": "http", "scheme": "basic"},
            },
            "schemas": {
                "Problem": {
                    "type": "object",
                    "properties": {"detail": {"type": "string"}},
                    "required": ["detail"],
                }
            },
        },
        "security": [{"key": []}, {"bearer": []}, {"browser": []}],
    }


def _operation(page: Page) -> dict[str, Any]:
    fields = {name: {"description": meaning} for name, meaning in page.fields.items()}
    schema = {"type": "object", "properties": fields} if fields else {}
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {
        code: {"description": meaning, "content": problem}
        for code, meaning in _REFUSALS.items()
        if not page.is_open or code != "401"
    }
    made: dict[str, Any] = {
        "summary": page.summary,
        "operationId": page.path.strip("/").partition("/")[0].replace(".", "_") or "root",
        "parameters": [*map(_query, page.parameters), *_part(page)],
        "responses": {
            "200": {
                "description": page.summary,
                "content": {page.content_type.partition(";")[0]: {"schema": schema}},
            },
            **refusals,
        },
    }
    if page.is_open:
        made["security"] = []
    return made


def _query(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": "query",
        "required": False,
        "description": one.meaning,
        "schema": dict(one.schema),
    }


def _part(page: Page) -> list[dict[str, Any]]:
    if page.part is None:
        return []
    return [{"name": page.part, "in": "path", "required": True, "schema": {"type": "string"}}]
