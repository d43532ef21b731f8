"""`gogooku sync`, and `build --as-known-on` of what it fetched, as a user runs them."""

import json
import re
import socket
import subprocess

import polars as pl
import pytest

from gogooku.commands import sync as command
from gogooku.core.progress import SilentReporter
from gogooku.dataset.home import current_dataset
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from support.cli import FEATURES, is_one_paragraph, run_cli, sets
from support.loopback import BASE, LATER, NOW, RECENT, only

REAL_KEY = "v9Xq-real-looking-7Qz81LmB0sT4uW2e"
NOWHERE = "http://127.0.0.1:9/v2"
BUILD = (*sets(f"features={FEATURES}"), "--json")
DRY = ("sync", "--source", "sandbox", "--dry-run", "--json")


@pytest.fixture(scope="module")
def built(line, synced, tmp_path_factory):
    """The same with a dataset."""
    home = copied(synced[0], tmp_path_factory.mktemp("built_sync"))
    made = line.done(home, "build", "--source", "sandbox", *BUILD)
    return home, made.json


def copied(home, folder):
    subprocess.run(["cp", "-a", str(home), str(folder / "home")], check=True)
    return folder / "home"


def refused(result, *, code, words):
    """One sentence for people, no traceback, nothing on standard output."""
    assert result.code == code, result.err
    assert is_one_paragraph(result.err), result.err
    assert re.search(words, result.err), result.err
    assert result.out == ""


def nothing_in(home):
    return not [path for path in home.rglob("*") if path.is_file() and path.name[-5:] != ".lock"]


# ------------------------------------------------------------------------------- sync and build


def test_a_sync_says_what_it_did_and_leaves_a_source(synced):
    home, facts = synced
    assert facts["sync"]["plan"] == "Premium"
    by_name = {one["name"]: one for one in facts["sync"]["endpoints"]}
    assert list(by_name) == [name for name in ENDPOINTS if name in {*BASE, "calendar"}]
    assert all(one["failed"] == [] and one["rows"] > 0 for one in by_name.values())
    discovery = facts["sync"]["requests"] - sum(one["requests"] for one in by_name.values())
    assert 1 <= discovery <= 5
    current = json.loads((home / "sources/sandbox/current.json").read_text())
    assert current["version"] == facts["source"]["version"]
    manifest = json.loads(
        (home / "sources/sandbox" / current["version"] / "manifest.json").read_text()
    )
    assert manifest["content_hash"] == facts["source"]["content_hash"]
    assert manifest["facts"]["plan"] == "Premium"
    assert manifest["facts"]["unlisted_bars"] == 0


def test_for_people_a_sync_prints_tables(line, tmp_path):
    result = line.done(tmp_path / "home", "sync", "--source", "sandbox", *only("topix"))
    assert "sync of sandbox, plan Premium" in result.out
    assert "topix" in result.out
    assert "calendar" in result.out
    assert "Traceback" not in result.err


def test_names_that_leave_and_funds_are_outside_the_universe(
    built, loopback_market, loopback_wires
):
    home, facts = built
    dataset = current_dataset(home)
    assert dataset.folder.name == facts["dataset"]
    assert facts["universe_rows"] > 0
    day = NOW.date()
    listed = loopback_wires["master"].rows(loopback_market.sessions[0].item(), day)
    funds = set(listed.filter(pl.col("ProdCat") != "011").get_column("Code"))
    assert funds
    codes = list(dataset.codes)
    sessions = [str(one) for one in dataset.sessions]
    for code in funds & set(codes):
        assert not dataset.valid_TN[:, codes.index(code)].any(), code
    left = listed.group_by("Code").agg(pl.col("Date").max()).filter(pl.col("Date") < str(day))
    assert left.height >= 1
    for code, last in left.iter_rows():
        rows = dataset.valid_TN[:, codes.index(code)]
        assert not rows[sessions.index(str(last)) :].any(), code
        assert rows[: sessions.index(str(last))].any(), code


def test_a_second_sync_asks_for_nothing_and_makes_the_same(fresh, synced, tmp_path):
    home = copied(synced[0], tmp_path)
    again = fresh.sync(home, *only(*BASE))
    assert again.code == 0, again.err
    assert fresh.heard.paths == []
    assert again.json["sync"]["requests"] == 0
    assert again.json["source"] == synced[1]["source"]


def test_only_the_named_endpoints_and_dates_are_asked(fresh, tmp_path):
    result = fresh.sync(tmp_path / "home", *only("topix"), "--from", RECENT, "--to", "2026-09-30")
    assert result.code == 0, result.err
    assert fresh.heard.paths[-2:] == ["/v2/markets/calendar", "/v2/indices/bars/daily/topix"]
    assert len(fresh.heard.paths) <= 7, "five requests at most find out the plan"
    status = fresh.done(tmp_path / "home", "sync", "--source", "sandbox", "--status", "--json")
    topix = next(one for one in status.json["endpoints"] if one["name"] == "topix")
    assert (topix["first"], topix["last"]) == (RECENT, "2026-09-30")
    assert result.json["source"] is None


# ---------------------------------------------------------------------------- status and dry run


def test_status_says_what_is_held_without_a_network(line, synced, tmp_path):
    empty = line.done(tmp_path / "home", "sync", "--source", "sandbox", "--status", "--json")
    assert empty.json["plan"] is None
    assert {one["rows"] for one in empty.json["endpoints"]} == {0}
    assert not (tmp_path / "home").exists()
    result = line.done(
        synced[0],
        "sync",
        "--source",
        "sandbox",
        "--status",
        "--json",
        now=LATER,
        environment={"JQUANTS_BASE_URL": NOWHERE},
    )
    by_name = {one["name"]: one for one in result.json["endpoints"]}
    assert result.json["plan"] == "Premium"
    assert by_name["quotes"]["rows"] > 4_000
    assert by_name["quotes"]["last"] == str(NOW.date())
    assert by_name["quotes"]["num_gaps"] == 0
    assert by_name["quotes"]["age_hours"] == pytest.approx(24.0)
    assert by_name["options"]["first"] is None
    shown = line.done(synced[0], "sync", "--source", "sandbox", "--status")
    assert "sandbox: what is held (plan Premium)" in shown.out


def test_a_dry_run_needs_no_network_and_announces_the_next_sync(fresh, synced, tmp_path):
    home = copied(synced[0], tmp_path)
    dry = fresh.done(home, *DRY, *only(*BASE), now=LATER, environment={"JQUANTS_BASE_URL": NOWHERE})
    assert fresh.heard.paths == []
    (plan,) = dry.json["plans"].values()
    done = fresh.sync(home, *only(*BASE), now=LATER).json["sync"]
    asked = {one["name"]: one["requests"] for one in done["endpoints"] if one["requests"]}
    announced = {name: one["queries"] + one["files"] for name, one in plan["endpoints"].items()}
    assert asked == announced
    assert sum(asked.values()) == plan["requests"]
    assert done["requests"] - plan["requests"] <= 5, "once a day the plan is asked for"


def test_a_dry_run_counts_for_each_plan(line, tmp_path):
    every = line.done(tmp_path / "home", *DRY).json["plans"]
    assert list(every) == ["free", "light", "standard", "premium"]
    assert not (tmp_path / "home").exists()
    rates = {"free": 5, "light": 60, "standard": 120, "premium": 500}
    for name, rate in rates.items():
        alone = line.done(tmp_path / "home", *DRY, "--plan", name).json["plans"]
        assert alone == {name: every[name]}
        assert every[name]["minutes"] >= every[name]["requests"] / rate
        assert every[name]["requests"] > 100
    assert every["free"]["minutes"] > every["light"]["minutes"]
    assert "options" in every["standard"]["skipped"]
    assert "options" not in every["premium"]["skipped"]
    shown = line.done(tmp_path / "home", "sync", "--dry-run", "--plan", "light")
    assert re.search(r"Light at 2026-10-06T21:00.*requests, [\d,]+ minutes", shown.out)


def dry(home, **more):
    asked = command.Asked("sandbox", dry_run=True, plan="standard", endpoints=("quotes",), **more)
    return command.sync(
        home, asked, environment={}, sure=lambda _: False, reporter=SilentReporter()
    )


def test_a_dry_run_says_what_the_disk_needs_and_warns_where_it_has_less(tmp_path, monkeypatch):
    enough = dry(tmp_path / "home")
    (plan,) = enough.facts["plans"].values()
    said = [text for text in enough.parts if isinstance(text, str)]
    assert plan["bytes"] == sum(one["bytes"] for one in plan["endpoints"].values())
    assert plan["endpoints"]["quotes"]["rows"] > 10_000_000
    assert enough.facts["free_bytes"] > 0
    assert len(said) == 1
    assert "measured on the sandbox exchange with 4,400 names; " in said[0]
    monkeypatch.setattr(command, "free_bytes", lambda _: plan["bytes"] - 1)
    scarce = [text for text in dry(tmp_path / "home").parts if isinstance(text, str)]
    assert scarce[0].startswith("warning: the Standard plan's answers take about 2.")
    assert str(tmp_path / "home") in scarce[0]
    assert "--from DATE" in scarce[0]
    monkeypatch.setattr(command, "free_bytes", lambda _: plan["bytes"])
    assert len([text for text in dry(tmp_path / "home").parts if isinstance(text, str)]) == 1


# -------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--endpoint", "quote"], "quote: no such endpoint; there are: calendar, master, quotes"),
        (["--source", "nikkei"], "expected jquants or sandbox"),
        (["--dry-run", "--plan", "gold"], "expected one of free, light, standard, premium"),
        (["--plan", "free"], "--plan goes with --dry-run"),
        (["--from", "2026-10-02", "--to", "2026-10-01"], "--from 2026-10-02 .*--to 2026-10-01"),
        (["--from", "02.10.2026"], "--from '02.10.2026': expected YYYY-MM-DD"),
        (["--to", "tomorrow"], "--to 'tomorrow': expected YYYY-MM-DD"),
        (["--bulk", "always"], "expected auto or never"),
        (["--status", "--forget"], "exclude each other"),
        (["--repair", "--forget"], "exclude each other"),
        (["--repair", "--endpoint", "quotes"], "--repair looks at everything"),
        (["--status", "--check-plan"], "--check-plan asks the server"),
        (["--forget", "--endpoint", "quotes"], "leave out what narrows"),
    ],
)
def test_wrong_usage_is_exit_2_with_the_valid_names(argv, words, tmp_path):
    refused(run_cli(tmp_path / "home", "sync", *argv), code=2, words=words)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "url", ["http://api.example.com/v2", "ftp://127.0.0.1/v2", "api.example.com", "127.0.0.1:80"]
)
def test_an_address_in_the_clear_is_refused(url, tmp_path):
    for source in ("jquants", "sandbox"):
        result = run_cli(
            tmp_path / "home",
            "sync",
            "--source",
            source,
            JQUANTS_BASE_URL=url,
            JQUANTS_API_KEY=REAL_KEY,
        )
        refused(result, code=2, words="only https|not an address")
        assert REAL_KEY not in result.err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("source", "key", "words"),
    [
        ("jquants", "", "JQUANTS_API_KEY is not set"),
        ("jquants", "key with spaces", "characters that no key has"),
        ("jquants", REAL_KEY, "key"),
        ("sandbox", "sandbox-gold", "key"),
        ("sandbox", "sandbox-lapsed", "subscription"),
    ],
)
def test_no_key_a_wrong_one_a_lapsed_one_are_exit_3_and_write_nothing(
    source, key, words, line, tmp_path
):
    home = tmp_path / "home"
    result = line.run(home, "sync", "--source", source, environment={"JQUANTS_API_KEY": key})
    refused(result, code=3, words=words)
    assert nothing_in(home)
    assert not key or key not in result.err


def test_no_network_is_one_sentence_and_writes_nothing(line, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    environment = {"JQUANTS_BASE_URL": f"http://127.0.0.1:{port}/v2"}
    result = line.run(tmp_path / "home", "sync", "--source", "sandbox", environment=environment)
    words = f"No sandbox exchange at 127.0.0.1:{port}; start it: gogooku sandbox serve"
    refused(result, code=3, words=words)
    assert nothing_in(tmp_path / "home")


def test_a_lost_ledger_is_named_and_made_anew(line, synced, tmp_path):
    home = copied(synced[0], tmp_path)
    ledger = home / "raw" / "sandbox" / "ledger.sqlite"
    bodies = sorted(home.glob("raw/sandbox/bodies/*/*"))
    ledger.unlink()
    (ledger.parent / ".writing").touch()
    for argv in (["sync", "--source", "sandbox"], ["sync", "--source", "sandbox", "--status"]):
        refused(line.run(home, *argv), code=3, words="Nothing was removed.*--repair")
    assert sorted(home.glob("raw/sandbox/bodies/*/*")) == bodies
    nowhere = {"JQUANTS_BASE_URL": NOWHERE}
    done = line.done(home, "sync", "--source", "sandbox", "--repair", "--json", environment=nowhere)
    assert done.json["answers"] == len(list(home.glob("raw/sandbox/records/*.json"))) > 0
    assert (done.json["lost"], done.json["unnamed"]) == ([], 0)
    again = line.sync(home, *only(*BASE))
    assert sum(one["requests"] for one in again.json["sync"]["endpoints"]) == 0
    assert again.json["source"]["content_hash"] == synced[1]["source"]["content_hash"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SSL_CERT_FILE", "/none/ca.pem", "SSL_CERT_FILE /none/ca.pem: not found"),
        ("SSL_CERT_DIR", "/none", "SSL_CERT_DIR /none: not found"),
        ("HTTPS_PROXY", "socks5://me:s3cret@proxy", "HTTPS_PROXY .*is not an address"),
    ],
)
def test_a_way_out_that_cannot_be_used_is_exit_2(name, value, words, line, tmp_path):
    result = line.run(tmp_path / "home", "sync", "--source", "sandbox", environment={name: value})
    refused(result, code=2, words=words)
    assert "s3cret" not in result.err
    assert nothing_in(tmp_path / "home")


def test_the_real_key_never_goes_to_the_sandbox(fresh, tmp_path):
    home = tmp_path / "home"
    for key in (REAL_KEY, f"x{REAL_KEY}-sandbox", "sandbox-light"):
        result = fresh.sync(home, *only("topix"), environment={"JQUANTS_API_KEY": key}, now=LATER)
        assert result.code == 0, result.err
        assert REAL_KEY not in result.out + result.err
    assert set(fresh.heard.keys) <= {"sandbox", "sandbox-light"}
    assert "sandbox" in fresh.heard.keys
    for path in home.rglob("*"):
        assert not path.is_file() or REAL_KEY.encode() not in path.read_bytes(), path


def test_a_smaller_plan_skips_what_it_lacks_and_says_so(line, tmp_path):
    result = line.sync(
        tmp_path / "home",
        *only("topix", "indices", "margin_interest"),
        "--from",
        RECENT,
        environment={"JQUANTS_API_KEY": "sandbox-light"},
    )
    assert result.code == 0, result.err
    skipped = {one["name"]: one["skipped"] for one in result.json["sync"]["endpoints"]}
    assert skipped["topix"] is None
    assert skipped["indices"] == "not in the Light plan; needs Standard"
    assert result.json["sync"]["plan"] == "Light"


# ----------------------------------------------------------------------------------- as known on


def test_as_known_on_builds_from_what_had_been_fetched(line, synced, built, tmp_path):
    home = copied(synced[0], tmp_path)
    assert line.sync(home, *only(*BASE), now=LATER).code == 0
    build = ("build", "--source", "sandbox")
    now = line.done(home, *build, *BUILD, now=LATER).json
    then = line.done(home, *build, "--as-known-on", str(NOW.date()), *BUILD, now=LATER).json
    assert then["last"] == str(NOW.date())
    assert now["last"] == str(LATER.date())
    assert then["source"] == f"sandbox-as-known-{NOW.date()}"
    assert then["content_hash"] == built[1]["content_hash"]
    assert now["content_hash"] != then["content_hash"]


def test_as_known_before_the_first_sync_is_refused_with_its_date(line, synced, tmp_path):
    home = copied(synced[0], tmp_path)
    build = ("build", "--source", "sandbox", "--as-known-on")
    early = line.run(home, *build, "2026-10-05", *BUILD[:-1])
    refused(early, code=3, words="first sync was on 2026-10-06.*--by-rule")
    for argv, words in (
        ([*build[:-1], "--by-rule"], "--by-rule needs --as-known-on"),
        ([*build, "5 October"], "--as-known-on '5 October': expected YYYY-MM-DD"),
    ):
        refused(line.run(home, *argv), code=2, words=words)
    nothing = line.run(tmp_path / "empty", *build, "2026-10-05")
    refused(nothing, code=3, words="nothing is held yet; run: gogooku sync")


def test_by_rule_is_labelled_so(line, synced, tmp_path):
    home = copied(synced[0], tmp_path)
    by_rule = ("--as-known-on", "2026-09-24", "--by-rule")
    made = line.done(home, "build", "--source", "sandbox", *by_rule, *BUILD).json
    assert made["last"] == "2026-09-24"
    assert made["source"] == "sandbox-by-rule-2026-09-24"
    version = json.loads((home / "sources" / made["source"] / "current.json").read_text())
    told = line.done(home, "explain", version["version"], "--json").json
    assert (told["as_known_on"], told["basis"]) == ("2026-09-24", "by-rule")
    shown = line.done(home, "explain", made["source"]).out
    assert "by-rule" in shown
    assert "2026-09-24" in shown
