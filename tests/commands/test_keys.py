"""`gogooku keys`: made and shown once, listed without themselves, revoked."""

from gogooku.commands import keys as command
from gogooku.core.wall import SystemClock
from gogooku.serve.keys import hash_key, keys_path, read_keys
from support.cli import done, run_cli


def test_a_key_is_shown_once_and_kept_as_a_hash(tmp_path):
    made = done(
        tmp_path, "keys", "add", "desk", "--expires", "2099-12-31", "--rate", 5, "--json"
    ).json
    (kept,) = read_keys(keys_path(tmp_path))
    assert (kept.name, kept.sha256, kept.rate) == ("desk", hash_key(made["key"]), 5.0)
    said = done(tmp_path, "keys", "add", "page").out
    assert "never again" in said
    for argv in (("keys", "list"), ("keys", "list", "--json"), ("keys", "revoke", "desk")):
        out = done(tmp_path, *argv).out
        assert made["key"] not in out
        assert hash_key(made["key"]) not in out


def test_their_states_are_listed(tmp_path):
    for name in ("one", "two"):
        done(tmp_path, "keys", "add", name)
    done(tmp_path, "keys", "revoke", "one")
    found = command.listed(tmp_path, clock=SystemClock()).facts["keys"]
    assert [(key["name"], key["state"]) for key in found] == [("one", "revoked"), ("two", "valid")]


def test_what_makes_no_sense_is_refused(tmp_path):
    for argv, mention in (
        (("add", "a b"), "is no name of a key"),
        (("add", "2027-01-01"), "is no name of a key"),
        (("add", "x", "--expires", "2020-01-01"), "is past"),
        (("add", "x", "--expires", "soon"), "--expires 'soon'"),
        (("add", "x", "--rate", "0"), "--rate 0"),
        (("revoke", "x"), "there is no key of that name"),
    ):
        result = run_cli(tmp_path, "keys", *argv)
        assert result.code == 2, argv
        assert mention in result.err
    assert not keys_path(tmp_path).exists()
