"""Law 4: what is grown day by day equals what is built at once, and a lookback is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gogooku import pipeline
from gogooku.core.config import Execution, Resolved
from gogooku.core.frames import SourceFrames
from gogooku.core.progress import SilentReporter
from gogooku.core.stamp import make_stamp
from gogooku.core.types import BoolArray, Checkpoint, Dataset, Feature, FloatArray, Panel
from gogooku.dataset import assemble as assemble_module
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.state import feature_files
from gogooku.dataset.universe import UniverseConfig, universe_of
from gogooku.features.catalogue import Selection, by_name, raw_channels, select
from gogooku.features.engine.compute import base_columns
from gogooku.features.laws import evaluate_dense
from gogooku.ingest.source import write_source
from support.law_world import (
    SPREAD_SHARE,
    Anything,
    cut,
    dataset_of,
    day_view,
    differences,
    from_day,
    nasty_sessions,
    panel_of,
)
from support.soak import some

GROWN = ("split", "month begins", "listing")
"""The market is grown over the session of each of these, from the evening before to the one after.
"""


# -------------------------------------------------------------------------------- growing


def grown_differences(
    frames: SourceFrames,
    whole: Dataset,
    checkpoints: Mapping[str, Checkpoint],
    sessions: Sequence[int],
    folder: Path,
) -> list[str]:
    """Build the dataset anew each evening, and compare what it says of that and earlier evenings.

    Each dataset is checked on its last session and on the three before it.
    """
    found = []
    for t in sessions:
        grown = dataset_of(cut(frames, whole.sessions[t].item()), folder / str(t))
        for past in range(t - 3, t + 1):
            views = [day_view(one, past, checkpoints) for one in (whole, grown)]
            found += [f"built at {t}, session {past}: {what}" for what in differences(*views)]
    return found


@pytest.mark.parametrize("event", some(GROWN, keep=2))
def test_grown_day_by_day_equals_built_at_once(
    law_frames: SourceFrames, law_dataset: Dataset, checkpoints, tmp_path: Path, event: str
):
    t = nasty_sessions(law_frames)[event]
    days = range(t - 1, t + 2)
    assert grown_differences(law_frames, law_dataset, checkpoints, days, tmp_path) == []


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_whole_history_grown_day_by_day(
    law_frames: SourceFrames, law_dataset: Dataset, checkpoints, tmp_path: Path
):
    days = range(3, len(law_dataset.sessions))
    assert grown_differences(law_frames, law_dataset, checkpoints, days, tmp_path) == []


def test_a_schedule_counted_from_the_end_is_caught(
    law_frames: SourceFrames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    honest = assemble_module.neighbour_tables

    def planted(close, group, universe, sessions, config, *, first, threads):
        """Tables every 20 sessions, counted back from the newest."""
        starts = np.arange(len(sessions) - 1, 0, -20)[::-1]
        starts = np.r_[0, starts]
        made = [
            honest(close[: s + 1], group[: s + 1], universe[: s + 1], sessions[: s + 1], config)
            for s in starts
        ]
        tables = np.stack([one[0][one[1][-1]] for one in made])
        block = np.searchsorted(starts, np.arange(len(sessions)), side="right") - 1
        return tables, block.astype(np.int32)

    monkeypatch.setattr(assemble_module, "neighbour_tables", planted)
    whole = dataset_of(law_frames, tmp_path / "whole")
    t = nasty_sessions(law_frames)["split"]
    found = grown_differences(law_frames, whole, {}, [t], tmp_path)
    assert any("neighbours" in text for text in found)


# ------------------------------------------------------------------------- exact lookbacks


def members(panel: Panel) -> FloatArray:
    return np.where(universe_of(panel, UniverseConfig()), 1.0, np.nan)


def lookback_findings(
    frames: SourceFrames, features: Sequence[Feature], *, events: Sequence[str]
) -> list[str]:
    """Features whose value on a session needs more than raw rows of their last sessions.

    The history is cut from the raw rows, so prices are adjusted from another first session. The
    universe is an input like any other and is taken as it was. Names that are not listed have no
    row in a dataset and are not compared; nor are intermediates that are no raw channels: they may
    be levels.
    """
    whole = panel_of(frames)
    columns = base_columns(whole, universe_of(whole, UniverseConfig()))
    values = evaluate_dense(features, columns)
    found, raw = [], raw_channels(tuple(columns))
    for event in events:
        t = nasty_sessions(frames)[event]
        listed = np.isfinite(columns["listed"][t])
        kept = [f for f in features if f in raw or not f.name.startswith("_")]
        shown = [f for f in kept if f.lookback <= t + 1]
        for lookback in sorted({f.lookback for f in shown}):
            judged = [f for f in shown if f.lookback == lookback]
            last = _from_last_sessions(frames, whole, columns, features, judged, t)
            found += [
                f"{name} at {event}: lookback {lookback} is too short"
                for name, short in last.items()
                if _differ(values[name][t], short, listed)
            ]
    return found


def _from_last_sessions(
    frames: SourceFrames,
    whole: Panel,
    columns: Mapping[str, FloatArray],
    features: Sequence[Feature],
    judged: Sequence[Feature],
    t: int,
) -> dict[str, FloatArray]:
    first = t + 1 - judged[0].lookback
    days = whole.sessions
    panel = panel_of(cut(from_day(frames, days[first].item()), days[t].item()))
    place = [whole.codes.index(code) for code in panel.codes]
    member = columns["universe"][first : t + 1, place]
    base = base_columns(panel, np.isfinite(member))
    needed = {f.name for f in judged}
    for feature in reversed(features):
        if feature.name in needed:
            needed |= set(feature.inputs)
    made = evaluate_dense([f for f in features if f.name in needed], base)
    out = {}
    for feature in judged:
        row = made[feature.name][-1]
        wide = np.full(len(whole.codes), np.nan)
        wide[place] = row
        out[feature.name] = wide if np.ndim(row) else np.asarray(row)
    return out


def _differ(whole: FloatArray, short: FloatArray, listed: BoolArray) -> bool:
    whole, short = np.atleast_1d(whole), np.atleast_1d(short)
    if len(whole) > 1:
        whole, short = whole[listed], short[listed]
    known = whole[np.isfinite(whole)]
    spread = float(known.std()) if len(known) > 1 else 0.0
    slack = SPREAD_SHARE * spread + 1e-9 * float(np.abs(known).max(initial=0.0))
    gap = np.abs(np.nan_to_num(whole) - np.nan_to_num(short)).max()
    return bool((np.isnan(whole) != np.isnan(short)).any() or gap > slack)


def test_every_feature_is_a_function_of_its_lookback(law_frames: SourceFrames):
    panel = panel_of(law_frames)
    base = base_columns(panel, universe_of(panel, UniverseConfig()))
    raw = [feature.name for feature in raw_channels(tuple(base))]
    features = select("all", available=tuple(base), also=raw).ordered
    found = lookback_findings(law_frames, features, events=("split", "last but one"))
    assert not found, "\n".join(found)


def test_an_understated_lookback_is_caught(law_frames: SourceFrames):
    panel = panel_of(law_frames)
    base = base_columns(panel, universe_of(panel, UniverseConfig()))
    honest = select("pk_vol_20", available=tuple(base)).ordered
    short = honest[-1].lookback - 1
    wrong = replace(honest[-1], name="wrong", lookback=short, window=min(short, 20))
    found = lookback_findings(law_frames, [*honest, wrong], events=("last but one",))
    assert found == [f"wrong at last but one: lookback {wrong.lookback} is too short"]


def test_a_price_level_is_caught(law_frames: SourceFrames):
    """A forward-adjusted price depends on where the history begins, so it is no feature."""
    level = replace(
        by_name("ret_prev_20d"),
        name="level",
        inputs=("close",),
        compute=lambda x: x["close"],
        lookback=60,
    )
    assert lookback_findings(law_frames, [level], events=("last but one",))


# --------------------------------------------------------- going on with an older dataset


def delivered(home: Path, frames: SourceFrames, version: str) -> Dataset:
    """Deliver a source to a home, and build a few features of it in blocks of 20 sessions."""
    stamp = make_stamp("import", config_hash=version, code=("gogooku.core.errors",), inputs={})
    write_source(home, "law", frames, stamp=stamp, config={})
    config = BuildConfig(source="law", features=("ret_prev_1d", "volatility_20d", "uni_ret_1d"))
    return pipeline.build(
        home,
        Resolved(config=config, origins=Anything()),
        execution=Execution(threads=1, block_sessions=20),
        reporter=SilentReporter(),
    )


def test_a_dataset_that_goes_on_equals_one_built_at_once(law_frames: SourceFrames, tmp_path: Path):
    """A bar changed on the last session of a block: the blocks before it are kept, it is not."""
    days = law_frames.quotes.get_column("date").unique().sort().to_list()
    old = delivered(tmp_path / "home", cut(law_frames, days[-3]), "old")
    block = feature_files(old.folder)[-3]
    last = block.stem.partition("_")[2]
    name = old.codes[int(np.flatnonzero(old.valid_TN[-1])[0])]
    odd = (pl.col("code") == name) & (pl.col("date") == date.fromisoformat(last))
    factor = pl.when(odd).then(1.05).otherwise(1.0)
    prices = [pl.col(price) * factor for price in ("open", "high", "low", "close")]
    corrected = replace(law_frames, quotes=law_frames.quotes.with_columns(prices))
    grown = delivered(tmp_path / "home", corrected, "new")
    kept = {path.name for path in feature_files(grown.folder) if path.stat().st_nlink > 1}
    assert kept == {path.name for path in feature_files(old.folder)[:-3]}
    whole = delivered(tmp_path / "other", corrected, "new")
    assert grown.manifest["parts"] == whole.manifest["parts"]
    t = int(np.searchsorted(whole.sessions, np.datetime64(last)))
    before, after = (np.array(one.x_TNF[t, : len(old.codes)]) for one in (old, whole))
    assert before.tobytes() != after.tobytes()
    raw_before, raw_after = (
        np.array(one.raw_TNC[: t + 1, : len(old.codes)]) for one in (old, whole)
    )
    same = [a.tobytes() == b.tobytes() for a, b in zip(raw_before, raw_after, strict=True)]
    assert same == [True] * t + [False]
    assert np.array(grown.raw_TNC).tobytes() == np.array(whole.raw_TNC).tobytes()


def test_a_raw_channel_that_knows_its_block_is_caught(
    law_frames: SourceFrames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """A channel less its mean over the rows that happen to be computed at once."""

    def planted(*args: object, **kwargs: object) -> Selection:
        made = select(*args, **kwargs)  # type: ignore[arg-type]
        (first, *_) = raw_channels(tuple(kwargs["available"]))  # type: ignore[arg-type]

        def centred(given: Mapping[str, FloatArray]) -> FloatArray:
            return first.compute(given) - np.nanmean(np.nan_to_num(first.compute(given)), axis=0)

        other = replace(first, compute=centred)
        return replace(made, ordered=tuple(other if f is first else f for f in made.ordered))

    monkeypatch.setattr(assemble_module, "select", planted)
    days = law_frames.quotes.get_column("date").unique().sort().to_list()
    delivered(tmp_path / "home", cut(law_frames, days[-3]), "old")
    grown = delivered(tmp_path / "home", law_frames, "new")
    whole = delivered(tmp_path / "other", law_frames, "new")
    parts = grown.manifest["parts"], whole.manifest["parts"]
    assert grown.manifest["growth"]["sessions_taken_over"] > 0
    assert [name for name in parts[0] if parts[0][name] != parts[1][name]] == ["raw"]
    assert grown.content_hash == whole.content_hash
