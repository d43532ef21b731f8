"""The page of the server says what its document says."""

from pathlib import Path

from gogooku.serve.reference import COMMAND, api_page, document_of_publications

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def test_the_page_is_what_the_document_says():
    made = api_page(document_of_publications())
    assert PAGE.read_text(encoding="utf-8") == made, f"write it again: {COMMAND}"


def test_every_path_parameter_and_field_is_on_it():
    described, page = document_of_publications(), api_page(document_of_publications())
    assert {"/ranking", "/orders", "/portfolio", "/status", "/metrics"} <= set(described["paths"])
    for path, found in described["paths"].items():
        section = page.partition(f"## `{path}`\n")[2].partition("\n## ")[0]
        assert found["get"]["summary"] in section
        for one in found["get"]["parameters"]:
            assert f"| `{one['name']}` |" in section
        content = next(iter(found["get"]["responses"]["200"]["content"].values()))
        for name in content["schema"].get("properties", {}):
            assert f"- `{name}`: " in section


def test_what_is_open_is_marked():
    page = api_page(document_of_publications())
    assert "*open*" in page.partition("## `/health`")[2].partition("\n## ")[0]
    assert "*open*" not in page.partition("## `/ranking`")[2].partition("\n## ")[0]
    assert "| 429 |" in page
