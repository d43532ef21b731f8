"""The API document: every page, with what it takes."""

from gogooku.serve.answers import said
from gogooku.serve.openapi import document
from gogooku.serve.pages import DATE, TOP, Page, Pages

OPEN = Page("/health", "H.", lambda _: said({}), is_open=True)
RANKING = Page("/ranking", "R.", lambda _: said({}), parameters=(DATE, TOP), fields={"a": "An a."})
NAME = Page("/names/{code}", "N.", lambda _: said({}))
TEXT = Page("/metrics", "M.", lambda _: said({}), content_type="text/plain; version=0.0.4")
MADE = document(Pages([OPEN, RANKING, NAME, TEXT]))


def operation(path):
    return MADE["paths"][path]["get"]


def test_every_page_is_in_it_with_its_parameters():
    assert list(MADE["paths"]) == ["/health", "/ranking", "/names/{code}", "/metrics"]
    assert [one["name"] for one in operation("/ranking")["parameters"]] == ["date", "top"]
    (code,) = operation("/names/{code}")["parameters"]
    assert (code["name"], code["in"], code["required"]) == ("code", "path", True)
    schema = operation("/ranking")["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema["properties"] == {"a": {"description": "An a."}}
    assert list(operation("/metrics")["responses"]["200"]["content"]) == ["text/plain"]


def test_what_is_open_needs_no_key():
    assert operation("/health")["security"] == []
    assert "401" not in operation("/health")["responses"]
    assert "security" not in operation("/ranking")
    assert "401" in operation("/ranking")["responses"]


def test_operations_have_names_of_their_own_and_references_lead_somewhere():
    names = [one["get"]["operationId"] for one in MADE["paths"].values()]
    assert names == ["health", "ranking", "names", "metrics"]
    problem = operation("/ranking")["responses"]["422"]["content"]["application/json"]["schema"]
    assert problem["$ref"].rpartition("/")[2] in MADE["components"]["schemas"]
