"""What the program depends on is listed with its licence; none that binds users is required."""

import email.message

import pytest

from support import dependencies
from support.dependencies import COMMAND, PAGE, REFUSED, closure, licence, page, rows


def refused(found, *, but=("dev",)):
    """Packages whose licence must not be, or is not known."""
    return [
        f"{name} ({group}): {stated or 'no licence stated'}"
        for name, group, _, stated in found
        if group not in but and (not stated or REFUSED.search(stated))
    ]


def test_the_page_is_what_is_declared_and_installed():
    assert PAGE.read_text(encoding="utf-8") == page(), f"write it again: {COMMAND}"


def test_no_licence_that_binds_users_in_the_required_set_and_the_extras():
    found = list(rows())
    assert {"polars", "numpy"} <= {name for name, group, *_ in found if group == "required"}
    assert refused(found) == []
    assert refused(found, but=()) == [], "nor among the tools"


@pytest.mark.parametrize(
    "stated",
    ["GPL-3.0-or-later", "LGPLv2+", "AGPL-3.0", "Apache 2.0 with Commons Clause", "BUSL-1.1", ""],
)
def test_a_licence_that_binds_users_is_caught(stated):
    assert len(refused([("one", "required", True, stated), ("two", "dev", True, stated)])) == 1


def test_licences_that_do_not():
    free = ["MIT", "Apache-2.0 AND BSL-1.0", "MPL-2.0", "NCSA", "PSF-2.0"]
    assert refused([("one", "required", True, stated) for stated in free]) == []


def test_what_a_package_states():
    facts = email.message.Message()
    facts["Classifier"] = "License :: OSI Approved :: MIT License"
    assert licence(facts) == "MIT"
    facts["License"] = f"BSD 3-Clause License\n\n{'text ' * 100}"
    assert licence(facts) == "BSD-3-Clause"
    facts["License-Expression"] = "ISC"
    assert licence(facts) == "ISC"
    assert licence(email.message.Message()) == ""


def test_what_brings_what():
    assert {"httpx", "httpcore", "h11", "idna"} <= closure(["httpx"])
    assert "socksio" not in closure(["httpx"]), "of an extra that nobody asks for"


def test_an_extra_beyond_those_listed_is_noticed(monkeypatch):
    before = page()
    real = dependencies.groups()
    monkeypatch.setattr(dependencies, "groups", lambda: {**real, "more": ["pytest"]})
    assert page() != before
