"""The page of an audit: findings first, then the worst rows of every table."""

import math

import polars as pl
import pytest

from gogooku.audit.findings import Audit, Check, Finding, Limits
from gogooku.audit.page import render_audit
from support.pages import read

FACTS = {
    "first": "2024-01-04",
    "last": "2024-12-30",
    "sessions": 1_245,
    "codes": 3_900,
    "features": 3,
    "sampled_sessions": 40,
}
IC = pl.DataFrame(
    {
        "feature": ["a", "b", "a", "b"],
        "horizon": [5, 5, 1, 1],
        "mean_ic": [-0.2, 0.1, None, math.nan],
    }
)
DRIFT = pl.DataFrame(
    {"feature": ["a", "m"], "role": ["stock", "market"], "stability": [0.25, 12.3456]}
)
COVERAGE = pl.DataFrame(
    {
        "feature": ["full", "gone", "half", "late"],
        "early": [1.0, 0.9, 0.5, math.nan],
        "late": [1.0, 0.0, 0.6, None],
    }
)


def page(findings=(), **tables):
    audit = Audit("small-<1>", tuple(findings), FACTS, tables)
    html = render_audit(audit, limits=Limits())
    return html, read(html)


def test_nothing_found():
    html, reader = page()
    assert "Audit of small-<1>" in reader.texts
    said = next(text for text in reader.texts if "sampled" in text)
    assert said == (
        "2024-01-04 to 2024-12-30, 1,245 sessions, 3,900 names, 3 features; 40 sessions sampled. "
        "Nothing found."
    )
    assert "No findings." in reader.texts
    assert reader.figures == {}
    assert {"findings", "facts", "limits"} <= set(reader.ids)
    assert html == page()[0]


def test_findings_come_before_what_they_were_read_from():
    found = Finding(check=Check.LEAK, what="knows <tomorrow>", features=("a", "b"))
    html, reader = page([found, found], ic=IC)
    assert "2 findings." in html
    assert reader.texts.count("a, b: knows <tomorrow>") == 2
    assert reader.ids.index("findings") < reader.ids.index("ic-spread") < reader.ids.index("ic")


def test_pictures_count_the_features():
    _, reader = page(ic=IC, drift=DRIFT, pairs=pl.DataFrame({"correlation": [-0.9, 0.99]}))
    spread = reader.figures["figure-ic-spread"]
    names = [one["name"]["en"] for one in spread["series"]]
    assert names == ["h5"], "a horizon without a value has no bars"
    assert sum(spread["series"][0]["y"]) == 2
    assert spread["x"][0].startswith("0.1 "), "absolute values"
    drift = reader.figures["figure-drift-spread"]["series"]
    assert [sum(one["y"]) for one in drift] == [1, 1]
    assert sum(reader.figures["figure-pair-spread"]["series"][0]["y"]) == 2


def cells(html, key):
    part = html[html.index(f'<section id="{key}">') :]
    return read(part[: part.index("</section>") + len("</section>")]).texts


def test_the_least_covered_come_first_and_numbers_are_short():
    html, _ = page(coverage=COVERAGE, drift=DRIFT)
    texts = [text for text in cells(html, "coverage") if text.strip()]
    assert texts[2:] == [
        "feature", "early", "late",
        "gone", "0.9", "0",
        "half", "0.5", "0.6",
        "full", "1", "1",
        "late", "-", "-",
    ]  # fmt: skip
    assert "12.35" in cells(html, "drift")


@pytest.mark.parametrize(("rows", "shown"), [(59, 59), (61, 60), (500, 60)])
def test_a_long_table_is_cut(rows, shown):
    table = pl.DataFrame({"feature": [f"f{n}" for n in range(rows)], "value": [0.5] * rows})
    html, _ = page(look_ahead=table)
    assert html.count("<td>0.5</td>") == shown


def test_an_empty_table_has_no_part():
    _, reader = page(pairs=pl.DataFrame(schema={"correlation": pl.Float64}))
    assert "pairs" not in reader.ids
    assert "pair-spread" not in reader.ids
