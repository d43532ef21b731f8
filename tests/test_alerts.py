"""Alerts and panels: each alert fires and stays quiet, and nothing is named that nobody gives."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gogooku.watch.metrics import CHECKS, produced

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "deploy" / "prometheus" / "gogooku.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "gogooku.json"
DAY = 86_400

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)"
)


def promtool(*arguments):
    found = subprocess.run(
        ["promtool", *map(str, arguments)], text=True, capture_output=True, check=False
    )
    return found.returncode, found.stdout + found.stderr


def rules():
    """Alert to expression."""
    found = re.findall(r"- alert: (\w+)\n\s+expr: (.+)\n", RULES.read_text(encoding="utf-8"))
    assert len(found) == RULES.read_text(encoding="utf-8").count("- alert:")
    return dict(found)


def panels():
    """Title and expression of every target of every panel."""
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [(one["title"], target["expr"]) for one in board["panels"] for target in one["targets"]]


# ---------------------------------------------------------------------------------- what is named

OF_PROMETHEUS = {"up"}
"""Metrics that Prometheus makes itself."""
WORDS = re.compile(r"[a-zA-Z_:][\w:]*")
LANGUAGE = {
    "absent", "by", "code", "histogram_quantile", "instance", "le", "m", "on", "rate", "route",
    "source", "sum", "time", "topk", "unless",
}  # fmt: skip
"""Functions, operators and labels of the expressions."""


def named(expression):
    """Metrics of an expression: words that are neither in braces nor of the language."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", expression)
    return set(WORDS.findall(bare)) - LANGUAGE


def unknown(expressions):
    return sorted({name for one in expressions for name in named(one)} - produced() - OF_PROMETHEUS)


def test_every_metric_of_a_rule_is_produced():
    assert unknown(rules().values()) == []


def test_every_metric_of_a_panel_is_produced():
    assert unknown(expression for _, expression in panels()) == []


def test_a_metric_that_nobody_gives_is_found():
    said = 'sum(rate(gogooku_apex{a="b"}[5m])) by (le) > gogooku_live_cusum unless on (source) up'
    assert unknown([said]) == ["gogooku_apex"]


def test_every_check_has_its_alert_and_its_panel():
    alerts, shown = " ".join(rules().values()), " ".join(text for _, text in panels())
    for one in CHECKS.values():
        assert {one.value, one.limit} <= named(alerts), one
    missing = [one.value for one in CHECKS.values() if one.value not in named(shown)]
    assert missing == ["gogooku_feature_drift_most_ratio"]  # the worst features are shown by name


# ------------------------------------------------------------------------------ what it comes to


@needs_promtool
def test_the_rules_are_rules(tmp_path):
    assert promtool("check", "rules", RULES)[0] == 0
    broken = tmp_path / "broken.yml"
    broken.write_text(RULES.read_text(encoding="utf-8").replace("== 1", "== ("))
    assert promtool("check", "rules", broken)[0] == 1


@needs_promtool
def test_every_expression_of_a_panel_is_one(tmp_path):
    def checked(expressions):
        file = tmp_path / "panels.yml"
        made = [{"record": f"panel:{n}", "expr": one} for n, one in enumerate(expressions)]
        file.write_text(json.dumps({"groups": [{"name": "panels", "rules": made}]}))
        return promtool("check", "rules", file)

    expressions = [text for _, text in panels()]
    assert len(expressions) > 30
    code, said = checked(expressions)
    assert code == 0, said
    assert checked([*expressions, "sum(("])[0] == 1


def test_the_dashboard_is_whole():
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    ids = [one["id"] for one in board["panels"]]
    assert len(ids) == len(set(ids))
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in board["panels"]]
    assert len(places) == len(set(places))
    variables = {one["name"] for one in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"]))) - {"__all"}
    assert used == variables


# --------------------------------------------------------------------- each fires, each is quiet


def series(name, value, **labels):
    """One series that stays as it is; ``value`` may be in the notation of promtool."""
    inner = ",".join(f'{key}="{text}"' for key, text in {"source": "tse", **labels}.items() if text)
    values = value if isinstance(value, str) else f"{value}x600"
    return {"series": f"{name}{{{inner}}}", "values": values}


def pair(value, limit, *, low=False, of="5", **labels):
    """A value beyond its limit, and one that is on it."""
    labels = labels or ({"horizon": of} if of else {})

    def made(one):
        return [series(value, one, **labels), series(limit, 0.5, **labels)]

    return made(0.4 if low else 0.6), made(0.5)


def requests(errors):
    return [
        series("gogooku_http_requests_total", "0+99x600", source="", instance="a", code="200",
               route="/ranking"),
        series("gogooku_http_requests_total", f"0+{errors}x600", source="", instance="a",
               code="500", route="/ranking"),
    ]  # fmt: skip


def latency(slow):
    """Of a hundred requests a minute, how many take more than 0.1 s."""
    bucket = "gogooku_http_request_seconds_bucket"
    return [
        series(bucket, f"0+{count}x600", source="", instance="a", route="/ranking", le=le)
        for le, count in (("0.1", 100 - slow), ("1", 100), ("+Inf", 100))
    ]


def alone(name, bad, good, **labels):
    return [series(name, bad, **labels)], [series(name, good, **labels)]


RAN = series("gogooku_evening_last_run_timestamp_seconds", 0)
SERVED = {"source": "", "job": "gogooku", "instance": "a"}
CASES = {
    # the clock of promtool begins at 0
    "GogookuPublicationStale": alone(
        "gogooku_publication_next_due_timestamp_seconds", 3_600, 10 * DAY
    ),
    "GogookuEveningFailed": alone("gogooku_evening_failed", 1, 0),
    "GogookuGateRefused": alone("gogooku_evening_refused_checks", 2, 0),
    "GogookuEveningMetricsAbsent": ([series("gogooku_disk_free_bytes", 1)], [RAN]),
    "GogookuPublicationAbsent": (
        [RAN], [RAN, series("gogooku_publication_next_due_timestamp_seconds", 10 * DAY)]
    ),
    "GogookuPublicationNotMeasured": (
        [series("gogooku_publication_session_timestamp_seconds", 0)],
        [
            series("gogooku_publication_session_timestamp_seconds", 0),
            series("gogooku_score_spread", 1, horizon="5"),
        ],
    ),
    "GogookuDiskLow": (
        [series("gogooku_disk_free_bytes", 9, source=""),
         series("gogooku_disk_size_bytes", 100, source="")],
        [series("gogooku_disk_free_bytes", 10, source=""),
         series("gogooku_disk_size_bytes", 100, source="")],
    ),
    "GogookuTableLate": pair(
        "gogooku_table_late_sessions", "gogooku_table_late_limit_sessions", table="quotes"
    ),
    "GogookuCoverageFell": pair(
        "gogooku_table_coverage_ratio", "gogooku_table_coverage_limit_ratio", low=True,
        table="quotes",
    ),
    "GogookuFeaturesDrifted": pair(
        "gogooku_features_drifted_ratio", "gogooku_features_drifted_limit_ratio", of=""
    ),
    "GogookuFeatureMoved": pair(
        "gogooku_feature_drift_most_ratio", "gogooku_feature_drift_most_limit_ratio", of=""
    ),
    "GogookuNullsGrew": pair(
        "gogooku_features_more_nulls_ratio", "gogooku_features_more_nulls_limit_ratio", of=""
    ),
    "GogookuNamesHalved": pair("gogooku_scored_names", "gogooku_scored_limit_names", low=True),
    "GogookuScoresTied": pair("gogooku_score_tied_ratio", "gogooku_score_tied_limit_ratio"),
    "GogookuScoreSpreadCollapsed": pair(
        "gogooku_score_spread", "gogooku_score_spread_limit", low=True
    ),
    "GogookuAutocorrelationFell": pair(
        "gogooku_score_autocorrelation", "gogooku_score_autocorrelation_limit", low=True
    ),
    "GogookuRankingFrozen": pair("gogooku_score_autocorrelation", "gogooku_score_frozen_limit"),
    "GogookuTurnoverHigh": pair("gogooku_top_turnover_ratio", "gogooku_top_turnover_limit_ratio"),
    "GogookuSectorConcentrated": pair(
        "gogooku_top_sector_active_ratio", "gogooku_top_sector_active_limit_ratio", of=""
    ),
    "GogookuTopExposed": pair(
        "gogooku_top_exposure_deviations", "gogooku_top_exposure_limit_deviations", trait="beta"
    ),
    "GogookuSkillBelowPromise": pair("gogooku_live_cusum", "gogooku_live_cusum_limit"),
    "GogookuSkillTooGood": pair("gogooku_live_rank_ic_low", "gogooku_live_rank_ic_limit"),
    "GogookuLiveSkillAbsent": (
        [series("gogooku_bundle_released_timestamp_seconds", -90 * DAY)],
        [
            series("gogooku_bundle_released_timestamp_seconds", -90 * DAY),
            series("gogooku_live_sessions", 20, horizon="5"),
        ],
    ),
    "GogookuShadowBetter": alone(
        "gogooku_shadow_rank_ic_difference_low", 0.01, -0.01, bundle="lightgbm-1", horizon="5"
    ),
    "GogookuServerDown": alone("up", 0, 1, **SERVED),
    "GogookuServerAbsent": (
        [series("up", 1, source="", job="node")], [series("up", 1, **SERVED)]
    ),
    "GogookuServerErrors": (requests(5), requests(0)),
    "GogookuServerSlow": (latency(5), latency(0)),
    "GogookuServerCrowded": alone("gogooku_http_in_flight", 101, 100, source="", instance="a"),
    "GogookuServedSessionOld": alone(
        "gogooku_session_age_seconds", 11 * DAY + 1, 11 * DAY, source="", instance="a"
    ),
}  # fmt: skip
"""Alert to series that make it fire, and to series that do not."""


def test_every_alert_has_its_cases():
    assert sorted(CASES) == sorted(rules())


def answer(alert, given, folder, *, firing):
    """What promtool says of an alert's being as it is said, after two days of some series."""
    question = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) > 0 or vector(0)'
    test = {
        "interval": "5m",
        "input_series": given,
        "promql_expr_test": [
            {
                "expr": question,
                "eval_time": "2d",
                "exp_samples": [{"labels": "{}", "value": int(firing)}],
            }
        ],
    }
    file = folder / "test.yml"
    whole = {"rule_files": [str(RULES)], "evaluation_interval": "5m", "tests": [test]}
    file.write_text(json.dumps(whole))
    return promtool("test", "rules", file)


@needs_promtool
@pytest.mark.parametrize("alert", sorted(CASES))
def test_it_fires_and_it_stays_quiet(alert, tmp_path):
    bad, good = CASES[alert]
    code, said = answer(alert, bad, tmp_path, firing=True)
    assert code == 0, said
    code, said = answer(alert, good, tmp_path, firing=False)
    assert code == 0, said


@needs_promtool
def test_an_alert_that_is_not_as_it_is_said_is_found(tmp_path):
    alert = min(CASES)
    bad, good = CASES[alert]
    assert answer(alert, bad, tmp_path, firing=False)[0] == 1
    assert answer(alert, good, tmp_path, firing=True)[0] == 1


@needs_promtool
def test_two_sources_are_told_apart(tmp_path):
    given = [
        series("gogooku_evening_failed", 0, source="tse"),
        series("gogooku_evening_failed", 1, source="us"),
    ]
    file = tmp_path / "test.yml"
    question = 'ALERTS{alertname="GogookuEveningFailed"}'
    labels = question.replace("}", ',alertstate="firing",severity="critical",source="us"}')
    test = {
        "interval": "5m",
        "input_series": given,
        "promql_expr_test": [
            {"expr": question, "eval_time": "1h", "exp_samples": [{"labels": labels, "value": 1}]}
        ],
    }
    whole = {"rule_files": [str(RULES)], "evaluation_interval": "5m", "tests": [test]}
    file.write_text(json.dumps(whole))
    code, said = promtool("test", "rules", file)
    assert code == 0, said


def test_every_alert_says_what_to_do():
    text = RULES.read_text(encoding="utf-8")
    count = len(rules())
    assert (text.count("summary:"), text.count("do:")) == (count, count)
    assert len(re.findall(r"severity: (?:critical|warning|info)\}", text)) == count


# ------------------------------------------------------------------------------------- its page

PAGES = ROOT / "docs" / "alerts"
PARTS = ("Severity: ", "**It means.** ", "**See it.**", "**Do.**", "**It goes quiet** ")


def without_page(text, folder):
    """Alerts whose annotation does not name their page, without one, and pages of no alert."""
    said = dict(re.findall(r"- alert: (\w+)\n(?:(?! +- alert).*\n)*? +runbook: (\S+)\n", text))
    alerts = re.findall(r"- alert: (\w+)\n", text)
    there = {path.stem for path in folder.glob("*.md")}
    wrong = [one for one in alerts if said.get(one) != f"docs/alerts/{one}.md"]
    return sorted({*wrong, *(set(alerts) ^ there)})


def test_every_alert_has_its_page_and_names_it(tmp_path):
    text = RULES.read_text(encoding="utf-8")
    assert without_page(text, PAGES) == []
    shutil.copytree(PAGES, tmp_path / "alerts")
    (tmp_path / "alerts" / "GogookuDiskLow.md").rename(tmp_path / "alerts" / "Other.md")
    other = text.replace("docs/alerts/GogookuServerDown.md", "docs/alerts/GogookuServerUp.md")
    assert without_page(other, tmp_path / "alerts") == [
        "GogookuDiskLow", "GogookuServerDown", "Other",
    ]  # fmt: skip


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_a_page_of_an_alert_is_whole(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {path.stem}\n")
    places = [text.find(part) for part in PARTS]
    assert -1 not in places
    assert places == sorted(places)
    rule = RULES.read_text(encoding="utf-8").partition(f"alert: {path.stem}\n")[2]
    assert re.search(r"severity: (\w+)", rule)[1] == re.search(r"Severity: (\w+)\.", text)[1]
