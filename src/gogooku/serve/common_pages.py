"""Pages that every server has: what is measured of it, and the document of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gogooku.core.exposition import CONTENT_TYPE, Metric, exposition
from gogooku.serve.answers import Answer, json_bytes, prepared
from gogooku.serve.measures import Measures
from gogooku.serve.openapi import document
from gogooku.serve.pages import Page, Pages


def with_common(
    pages: Sequence[Page], measures: Measures, metrics: Callable[[], Sequence[Metric]]
) -> Pages:
    """Some pages, with ``/metrics`` and ``/openapi.json``."""
    measured = Pages([*pages, _metrics(measures, metrics)])
    return Pages([*measured.all, _openapi(measured)])


def _metrics(measures: Measures, more: Callable[[], Sequence[Metric]]) -> Page:
    def answer(given: Mapping[str, Any]) -> Answer:
        del given
        text = exposition([*measures.metrics(), *more()])
        return Answer(text.encode(), content_type=CONTENT_TYPE)

    return Page("/metrics", "Measurements for Prometheus.", answer, content_type=CONTENT_TYPE)


def _openapi(pages: Pages) -> Page:
    page = Page("/openapi.json", "This document.", lambda _: made)
    made = prepared(json_bytes(document(Pages([*pages.all, page]))))
    return page
