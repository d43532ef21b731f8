import json
import shutil
from pathlib import Path

import pytest

from gogooku.audit.findings import Check, Finding
from gogooku.commands.audit import _failure
from support.cli import done, is_one_paragraph, run_cli


def test_audit_finds_nothing_then_a_changed_tensor(home):
    said = done(home, "audit", "--dates", 1).out
    assert "effective rank" in said
    assert "page: " in said
    made = done(home, "audit", "--dates", 1, "--json").json
    assert made["findings"] == []
    assert len(made["facts"]["look_ahead_sessions"]) == 1
    (page,) = home.glob("audits/*/audit.html")
    assert str(page) == made["page"]
    assert json.loads(page.with_name("audit.json").read_text())["findings"] == []
    (path,) = home.glob("datasets/*/x.bin")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = b"\x00\x38" * 2048
    path.write_bytes(content)
    result = run_cli(home, "audit", "--dates", 0, "--json")
    assert result.code == 3
    assert "x.bin: session" in result.error["message"]
    assert result.error["error"] == "DataError"
    assert is_one_paragraph(run_cli(home, "audit", "--dates", 0).err)


@pytest.mark.parametrize(("name", "at"), [("raw.bin", 40 * 4 * 4 * 100), ("raw.open.npy", 128)])
def test_audit_finds_a_changed_label(name, at, home):
    (path,) = home.glob(f"datasets/*/labels/{name}")
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    result = run_cli(home, "audit", "--dates", 0, "--json")
    assert result.code == 3
    assert f"labels/{name}: " in result.error["message"]


def test_audit_says_when_the_source_is_gone(home):
    for place in home.glob("sources/*/*/manifest.json"):
        shutil.rmtree(place.parent)
    result = run_cli(home, "audit", "--json")
    assert result.code == 1
    assert [one["check"] for one in result.json["findings"]] == ["look-ahead"]
    assert run_cli(home, "audit", "--dates", 0).code == 0
    assert run_cli(home, "audit", "--dates", -1).code == 2


@pytest.mark.parametrize(("count", "said"), [(1, "1 finding"), (7, "7 findings")])
def test_the_failure_counts_the_findings_and_names_the_page(count, said):
    findings = [Finding(check=Check.CONTENT, what=f"no. {n}") for n in range(count)]
    assert str(_failure(findings, Path("audit.html"))) == f"audit: {said}; see audit.html"
    assert _failure([], Path("audit.html")) is None
