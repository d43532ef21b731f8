"""The HTTP interface: rankings to those with a key, health to everyone.

Keys are checked against SHA-256 hashes; the keys themselves are never stored, logged or echoed.
"""

from __future__ import annotations

import difflib
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Query
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.requests import Request

from gogooku import __version__
from gogooku.core.errors import ContractError, DataError, GogookuError, NotFoundError, UsageError
from gogooku.core.findings import explain_value, short
from gogooku.serve.fresh import Fresh

KEY_HEADER = "X-API-Key"

PAGES = ("health", "version", "ranking")
_ALLOW = {"Allow": "GET, HEAD"}

MOST_NAMES = 1_000_000
"""Names that may be asked for; no market has more."""


def hash_key(key: str) -> str:
    """SHA-256 of a server key, as it is kept in ``GOGOOKU_API_KEYS``."""
    return hashlib.sha256(key.encode()).hexdigest()


def parse_key_hashes(text: str) -> tuple[str, ...]:
    """Read the comma-separated SHA-256 hashes of the server's keys.

    Raises
    ------
    UsageError
        None given, or one is not a SHA-256 in hexadecimal. The text itself is not repeated: it
        may be a key by mistake.
    """
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    if not found:
        raise UsageError(
            "serve: no keys; set GOGOOKU_API_KEYS to the comma-separated SHA-256 hashes of keys "
            "that may read, for example: GOGOOKU_API_KEYS=$(printf %s 'my key' | sha256sum | "
            "cut -d' ' -f1)"
        )
    if hash_key("") in found:
        raise UsageError(
            "serve: GOGOOKU_API_KEYS holds the hash of an empty key, so the variable that it was "
            "made from was empty; make it again from a key that is not"
        )
    wrong = sum(len(one) != 64 or not set(one) <= set("0123456789abcdef") for one in found)
    if wrong:
        raise UsageError(
            f"serve: {wrong} of {len(found)} entries of GOGOOKU_API_KEYS are not SHA-256 hashes in "
            "hexadecimal (64 digits); it takes hashes of keys, never keys"
        )
    return found


def make_app(fresh: Fresh, *, key_hashes: Sequence[str]) -> FastAPI:
    """The application: ``/health`` is open, everything else needs a key.

    Parameters
    ----------
    fresh : Fresh
        What answers now.
    key_hashes : sequence of str
        SHA-256 hashes of the keys that may read.
    """

    def require_key(
        key: Annotated[str | None, Header(alias=KEY_HEADER)] = None,
    ) -> None:
        digest = hash_key(key or "")
        if not key or not any(hmac.compare_digest(digest, known) for known in key_hashes):
            raise HTTPException(status_code=401, detail=f"a valid {KEY_HEADER} header is needed")

    app = FastAPI(
        title="gogooku",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.add_exception_handler(GogookuError, _problem)
    app.add_exception_handler(RequestValidationError, _wrong_value)
    secured = [Depends(require_key)]

    @app.api_route("/health", methods=["GET", "HEAD"])
    def health() -> dict[str, Any]:
        return {"status": "ok"}

    @app.api_route("/version", methods=["GET", "HEAD"], dependencies=secured)
    def version(request: Request) -> dict[str, Any]:
        _known_parameters(request, ())
        return _version(fresh)

    @app.api_route("/ranking", methods=["GET", "HEAD"], dependencies=secured)
    def ranking(
        request: Request,
        day: Annotated[str | None, Query(alias="date")] = None,
        horizon: int = 5,
        top: Annotated[int | None, Query(ge=1, le=MOST_NAMES)] = None,
    ) -> dict[str, Any]:
        _known_parameters(request, ("date", "horizon", "top"))
        predictor = fresh.now().predictor
        return predictor.ranking(_session(day), horizon=horizon).to_json(top=top)

    @app.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "DELETE"], dependencies=secured)
    def nothing_here(rest: str) -> dict[str, Any]:
        if rest in PAGES:
            raise HTTPException(405, detail=f"/{rest}: only asked with GET", headers=_ALLOW)
        raise HTTPException(status_code=404, detail=f"/{rest}: there is no such page")

    return app


def _version(fresh: Fresh) -> dict[str, Any]:
    """What answers now, and why something newer does not."""
    served = fresh.now()
    predictor = served.predictor
    return {
        "gogooku": __version__,
        "run": predictor.run.run_id,
        "dataset": predictor.dataset.folder.name,
        "newest_session": str(predictor.newest),
        "clock": str(predictor.dataset.clock),
        "code": predictor.run.stamp.code_hash,
        "follows": list(fresh.follows),
        "stale": served.stale or None,
    }


def _session(text: str | None) -> date | None:
    """A date of the query, as YYYY-MM-DD and in no other form."""
    if text is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise HTTPException(422, detail=f"date: got {short(text)}, expected a date, YYYY-MM-DD")


def _known_parameters(request: Request, known: Sequence[str]) -> None:
    """Refuse a query with a parameter that means nothing: it is misspelt, and would be ignored."""
    wrong = [name for name in request.query_params if name not in known]
    if wrong:
        near = difflib.get_close_matches(wrong[0], known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        named = ", ".join(known) or "none"
        page = request.url.path
        said = f"{short(wrong[0])} is no parameter of {page}{hint} (it has: {named})"
        raise HTTPException(422, detail=said)


def _problem(request: Request, fault: Exception) -> JSONResponse:
    """404 for what is not there, 409 for what does not fit, 503 for what is damaged or missing."""
    del request
    kinds = ((NotFoundError, 404), (ContractError, 409), (DataError, 503))
    status = next((code for kind, code in kinds if isinstance(fault, kind)), 500)
    return JSONResponse(status_code=status, content={"detail": str(fault)})


def _wrong_value(request: Request, fault: Exception) -> JSONResponse:
    """What is wrong with the values of a request, in one sentence; headers are never repeated."""
    del request
    assert isinstance(fault, RequestValidationError)
    said = [
        f"{one['loc'][-1]}: {explain_value(one)}"
        for one in fault.errors()
        if one["loc"][0] == "query"
    ]
    return JSONResponse(status_code=422, content={"detail": "; ".join(said)})
