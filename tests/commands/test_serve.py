"""`gogooku serve`: what is served by default, and what is said before."""

import pytest

from gogooku.commands.serve import _begun
from gogooku.core.listen import Address, listen
from gogooku.serve.keys import hash_key
from support.asking import KEY
from support.cli import done, run_cli
from support.published import SESSIONS, put, release

KEYS = {"GOGOOKU_API_KEYS": hash_key(KEY)}


@pytest.fixture
def served(monkeypatch):
    """Servers that were started; none serves."""
    found = []
    monkeypatch.setattr("gogooku.serve.server.Server.run", lambda one: found.extend([one]))
    return found


def test_publications_of_the_only_source_with_a_release_by_default(tmp_path, served):
    release(tmp_path, "ridge-1")
    put(tmp_path, "ridge-1", SESSIONS[0])
    for named in ((), ("--source", "tse")):
        said = done(tmp_path, "serve", *named, "--port", 0, **KEYS).out
        assert said.startswith(f"Serving ridge-1, session {SESSIONS[0]}, at http://127.0.0.1:")
        assert "asks for a key: it is the password" in said
    assert len(served) == 2


@pytest.mark.parametrize(
    ("argv", "code", "mention"),
    [
        ((), 2, "gogooku release RUN, then gogooku evening"),
        (("--source", "tse"), 3, "no bundle is released"),
        (("--run", "x"), 3, "No dataset"),
    ],
)
def test_without_anything_to_serve_it_says_what_to_do(tmp_path, served, argv, code, mention):
    result = run_cli(tmp_path, "serve", "--port", 0, *argv, **KEYS)
    assert (result.code, served) == (code, [])
    assert mention in result.err


def test_a_log_that_cannot_be_written_is_said(tmp_path, served):
    release(tmp_path, "ridge-1")
    put(tmp_path, "ridge-1", SESSIONS[0])
    (tmp_path / "file").touch()
    argv = ("serve", "--port", 0, "--log", tmp_path / "file" / "access.log")
    result = run_cli(tmp_path, *argv, **KEYS)
    assert (result.code, served) == (3, [])
    assert "access.log: cannot write" in result.err


@pytest.mark.parametrize(
    ("host", "warned"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True), ("::", True)]
)
def test_an_address_that_others_reach_is_warned_of(host, warned):
    with listen(Address(host, 0)) as listener:
        begun = _begun({"run": "ridge-1", "session": "2026-11-27"}, listener)
    assert bool(begun.facts["warnings"]) == warned
    assert any("put a server with TLS in front" in str(part) for part in begun.parts) == warned
