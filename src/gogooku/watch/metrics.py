"""The metrics of the evenings, for the textfile collector of node_exporter.

They are in ``HOME/metrics/gogooku.prom``. Each measured value that has a limit comes with a metric
of that limit, so that an alert compares two metrics and the limits have one home.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gogooku.evaluate.skill import LEAK_RANK_IC
from gogooku.watch.exposition import Family, write_exposition
from gogooku.watch.summary import summary, watched_sources

METRICS_FILE: Final = "gogooku.prom"


@dataclass(frozen=True)
class Shown:
    """How a check is shown: the metric of its value, that of its limit, and what `of` is."""

    value: str
    limit: str
    label: str
    help: str


CHECKS: Final[Mapping[str, Shown]] = {
    "names": Shown(
        "gogooku_scored_names", "gogooku_scored_limit_names", "horizon", "Names with a score."
    ),
    "tied": Shown(
        "gogooku_score_tied_ratio",
        "gogooku_score_tied_limit_ratio",
        "horizon",
        "Share of the names whose score another name has too.",
    ),
    "spread": Shown(
        "gogooku_score_spread",
        "gogooku_score_spread_limit",
        "horizon",
        "Standard deviation of the scores.",
    ),
    "autocorrelation": Shown(
        "gogooku_score_autocorrelation",
        "gogooku_score_autocorrelation_limit",
        "horizon",
        "Rank correlation of the scores with the session before.",
    ),
    "frozen": Shown(
        "gogooku_score_autocorrelation",
        "gogooku_score_frozen_limit",
        "horizon",
        "Rank correlation of the scores with the session before.",
    ),
    "turnover": Shown(
        "gogooku_top_turnover_ratio",
        "gogooku_top_turnover_limit_ratio",
        "horizon",
        "Share of the top names that were not there the session before.",
    ),
    "late": Shown(
        "gogooku_table_late_sessions",
        "gogooku_table_late_limit_sessions",
        "table",
        "Sessions that the newest row of a table is older than it ever was.",
    ),
    "coverage": Shown(
        "gogooku_table_coverage_ratio",
        "gogooku_table_coverage_limit_ratio",
        "table",
        "Rows of a table over the fewest that a session brought before.",
    ),
    "drifted": Shown(
        "gogooku_features_drifted_ratio",
        "gogooku_features_drifted_limit_ratio",
        "",
        "Share of the features further from the training than any of its sessions was.",
    ),
    "drift_most": Shown(
        "gogooku_feature_drift_most_ratio",
        "gogooku_feature_drift_most_limit_ratio",
        "",
        "Stability index of the feature that drifted most over its largest in training.",
    ),
    "nulls": Shown(
        "gogooku_features_more_nulls_ratio",
        "gogooku_features_more_nulls_limit_ratio",
        "",
        "Share of the features with more nulls than any session of the training had.",
    ),
    "sector": Shown(
        "gogooku_top_sector_active_ratio",
        "gogooku_top_sector_active_limit_ratio",
        "",
        "Largest share of the top names in one sector less its share of the universe.",
    ),
    "exposure": Shown(
        "gogooku_top_exposure_deviations",
        "gogooku_top_exposure_limit_deviations",
        "trait",
        "Size of a mean trait of the top names in standard deviations over the universe.",
    ),
}
"""Every check of `gogooku.watch.checks` by its name."""

HELP: Final[Mapping[str, str]] = {
    "gogooku_bundle_info": "The released bundle and its run; always 1.",
    "gogooku_bundle_released_timestamp_seconds": "When the bundle was released.",
    "gogooku_disk_free_bytes": "Free bytes on the disk of the home.",
    "gogooku_disk_size_bytes": "Size of the disk of the home.",
    "gogooku_evening_failed": "1 if the last evening failed, else 0.",
    "gogooku_evening_last_run_timestamp_seconds": "When an evening ended last.",
    "gogooku_evening_last_success_timestamp_seconds": "When an evening last ended well.",
    "gogooku_evening_refused_checks": "Findings for which the last evening did not publish.",
    "gogooku_evening_step_duration_seconds": "Time that a step took when it last ended well.",
    "gogooku_evening_step_last_success_timestamp_seconds": "When a step last ended well.",
    "gogooku_feature_stability_index": "Stability index of the features that drifted most.",
    "gogooku_live_cusum": "Cumulative sum of live skill below its promise, in deviations.",
    "gogooku_live_cusum_limit": "The sum from which skill is below its promise.",
    "gogooku_live_rank_ic": "Mean RankIC of published scores whose labels are known.",
    "gogooku_live_rank_ic_high": "Upper end of its 95 % interval.",
    "gogooku_live_rank_ic_limit": "RankIC that no honest score reaches.",
    "gogooku_live_rank_ic_low": "Lower end of its 95 % interval.",
    "gogooku_live_sessions": "Sessions whose labels are known.",
    "gogooku_live_top_excess_ratio": "Mean label of the top names less that of all.",
    "gogooku_promised_rank_ic": "RankIC that the scorecard promised.",
    "gogooku_publication_next_due_timestamp_seconds": "When the next publication should be there.",
    "gogooku_publication_published_timestamp_seconds": "When the newest publication was made.",
    "gogooku_publication_session_timestamp_seconds": "Session of the newest publication.",
    "gogooku_shadow_rank_ic_difference": "RankIC of another bundle less the released one's.",
    "gogooku_shadow_rank_ic_difference_high": "Upper end of its 95 % interval.",
    "gogooku_shadow_rank_ic_difference_low": "Lower end of its 95 % interval.",
}
"""Metrics that are of no check."""

SERVER: Final = (
    "gogooku_http_requests_total",
    "gogooku_http_request_seconds_bucket",
    "gogooku_http_in_flight",
    "gogooku_session_age_seconds",
)
"""Metrics that the server gives by itself and that rules and panels use."""


def produced() -> set[str]:
    """Names of all metrics that evenings and the server give."""
    of_checks = {name for one in CHECKS.values() for name in (one.value, one.limit)}
    return {*of_checks, *HELP, *SERVER}


def metrics_path(home: Path) -> Path:
    """Where node_exporter reads the metrics of a home."""
    return home / "metrics" / METRICS_FILE


def write_metrics(home: Path, *, now: datetime) -> Path:
    """Write the metrics of every source of a home.

    Raises
    ------
    DataError
        Something that is read is damaged.
    StorageError
        The disk is full.
    """
    path = metrics_path(home)
    found = [summary(home, source, now=now) for source in watched_sources(home)]
    families = metrics_of(found)
    usage = shutil.disk_usage(home)
    families["gogooku_disk_free_bytes"].add(usage.free)
    families["gogooku_disk_size_bytes"].add(usage.total)
    write_exposition(path, families)
    return path


def metrics_of(found: list[dict[str, Any]]) -> dict[str, Family]:
    """Families of some summaries, see `gogooku.watch.summary.summary`."""
    families = {name: Family(name, text) for name, text in HELP.items()}
    for shown in CHECKS.values():
        families.setdefault(shown.value, Family(shown.value, shown.help))
        families.setdefault(shown.limit, Family(shown.limit, f"Limit: {shown.help}"))
    for one in found:
        source = str(one["source"])
        _evening(families, one["evening"], source)
        _publication(families, one, source)
        _status(families, one["status"], source)
        _live(families, one, source)
    return families


def _evening(
    families: Mapping[str, Family], evening: Mapping[str, Any] | None, source: str
) -> None:
    if evening is None:
        return
    of = "gogooku_evening"
    families[f"{of}_failed"].add(evening["failed"] is not None, source=source)
    families[f"{of}_refused_checks"].add(len(evening["refused"]), source=source)
    families[f"{of}_last_run_timestamp_seconds"].add(_seconds(evening["at"]), source=source)
    families[f"{of}_last_success_timestamp_seconds"].add(
        _seconds(evening["succeeded_at"]), source=source
    )
    for step, facts in evening["steps"].items():
        families[f"{of}_step_duration_seconds"].add(facts["seconds"], source=source, step=step)
        families[f"{of}_step_last_success_timestamp_seconds"].add(
            _seconds(facts["at"]), source=source, step=step
        )


def _publication(families: Mapping[str, Family], one: Mapping[str, Any], source: str) -> None:
    if one["bundle"] is not None:
        families["gogooku_bundle_info"].add(1, source=source, bundle=one["bundle"], run=one["run"])
        families["gogooku_bundle_released_timestamp_seconds"].add(
            _seconds(one["released_at"]), source=source
        )
    made = one["publication"]
    if made is not None:
        of = "gogooku_publication"
        for key, name in (
            ("session", "session"),
            ("published_at", "published"),
            ("next_due_at", "next_due"),
        ):
            families[f"{of}_{name}_timestamp_seconds"].add(_seconds(made[key]), source=source)


def _status(families: Mapping[str, Family], status: Mapping[str, Any] | None, source: str) -> None:
    if status is None:
        return
    for check in status["checks"]:
        shown = CHECKS[check["name"]]
        labels = {"source": source, **({shown.label: check["of"]} if shown.label else {})}
        families[shown.value].add(check["value"], **labels)
        families[shown.limit].add(check["limit"], **labels)
    for worst in status["drift"]["worst"]:
        families["gogooku_feature_stability_index"].add(
            worst["stability"], source=source, feature=worst["feature"]
        )


def _live(families: Mapping[str, Family], one: Mapping[str, Any], source: str) -> None:
    for live in one["live"]:
        labels = {"source": source, "horizon": str(live["horizon"])}
        for end, key in (("", "value"), ("_low", "low"), ("_high", "high")):
            families[f"gogooku_live_rank_ic{end}"].add(live["rank_ic"][key], **labels)
        families["gogooku_live_rank_ic_limit"].add(LEAK_RANK_IC, **labels)
        families["gogooku_live_sessions"].add(live["rank_ic"]["n"], **labels)
        families["gogooku_live_top_excess_ratio"].add(live["top_excess"]["value"], **labels)
        families["gogooku_promised_rank_ic"].add(live["promised"], **labels)
        if live["cusum"] is not None:
            families["gogooku_live_cusum"].add(live["cusum"]["value"], **labels)
            families["gogooku_live_cusum_limit"].add(live["cusum"]["threshold"], **labels)
    for other in one["others"]:
        for row in other["against_released"]:
            labels = {
                "source": source,
                "bundle": other["bundle"],
                "horizon": str(row["horizon"]),
            }
            for end, key in (("", "difference"), ("_low", "low"), ("_high", "high")):
                families[f"gogooku_shadow_rank_ic_difference{end}"].add(row[key], **labels)


def _seconds(text: str | None) -> float | None:
    """Seconds since 1970 of an instant or a date in UTC."""
    if text is None:
        return None
    instant = datetime.fromisoformat(text)
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
