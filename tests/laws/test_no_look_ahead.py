"""Law 3: what is said of a session is the same when its future is cut off or replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gogooku.core.calendar import Clock
from gogooku.core.frames import SourceFrames
from gogooku.core.types import Axis, Checkpoint, Dataset, Feature, FloatArray
from gogooku.dataset import assemble as assemble_module
from gogooku.dataset import universe as universe_module
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.universe import UniverseConfig, universe_of
from gogooku.features.catalogue import Selection, raw_channels, select
from gogooku.features.engine.compute import base_columns
from gogooku.features.laws import Ending, Finding, View, check_no_look_ahead
from support.law_world import (
    DayView,
    cut,
    dataset_of,
    day_view,
    differences,
    garbled,
    nasty_sessions,
)
from support.law_world import panel_of as raw_panel
from support.soak import in_turn

NASTY = (
    "first session",
    "early session",
    "universe filling",
    "split",
    "evening before a split",
    "halt",
    "limit up",
    "limit down",
    "listing",
    "evening before a listing",
    "last session of a delisted name",
    "session after a delisting",
    "month begins",
    "month ends",
    "last but one",
    "last session",
)
SOME = ("split", "evening before a listing", "last session of a delisted name", "month begins")
VIEWS: Mapping[Ending, Callable[[SourceFrames, object], SourceFrames]] = {
    Ending.CUT: cut,
    Ending.GARBAGE: garbled,
}


def columns_under(frames: SourceFrames) -> Callable[[View], Mapping[str, FloatArray]]:
    """Base columns made from raw rows under a view, on the code axis of the whole history."""
    whole = raw_panel(frames)

    def make(view: View) -> Mapping[str, FloatArray]:
        if view.ending is Ending.WHOLE:
            return base_columns(whole, universe_of(whole, UniverseConfig()))
        day = whole.sessions[view.session].item()
        panel = raw_panel(VIEWS[view.ending](frames, day))
        columns = base_columns(panel, universe_of(panel, UniverseConfig()))
        kept = [n for n, code in enumerate(panel.codes) if code in whole.codes]
        place = [whole.codes.index(panel.codes[n]) for n in kept]

        def widened(values: FloatArray) -> FloatArray:
            if values.ndim == 1:
                return values
            out = np.full((len(values), len(whole.codes)), np.nan)
            out[:, place] = values[:, kept]
            return out

        return {name: widened(values) for name, values in columns.items()}

    return make


def all_features(frames: SourceFrames, *planted: Feature) -> list[Feature]:
    """Every feature and raw channel of the bars."""
    base = columns_under(frames)(View(Ending.WHOLE))
    raw = [feature.name for feature in raw_channels(tuple(base))]
    return [*select("all", available=tuple(base), also=raw).ordered, *planted]


def found_from_raw_rows(frames: SourceFrames, features: list[Feature]) -> list[Finding]:
    places = nasty_sessions(frames)
    return check_no_look_ahead(
        features, columns_under(frames), sessions=[places[name] for name in SOME]
    )


def tomorrow(given: Mapping[str, FloatArray]) -> FloatArray:
    out = np.full_like(given["close"], np.nan)
    out[:-1] = given["close"][1:] / given["close"][:-1] - 1.0
    return out


PLANTED = Feature(
    name="planted",
    group="price",
    inputs=("close",),
    compute=tomorrow,
    lookback=1,
    unit="ratio",
    meaning="Tomorrow's return.",
)
COUNTS_ALL_CODES = replace(
    PLANTED, name="codes", compute=lambda x: x["close"] / x["close"].shape[1], axis=Axis.ACROSS
)


# ------------------------------------------------------------------------------- features


def test_no_feature_sees_the_future_of_the_raw_rows(law_frames: SourceFrames):
    found = found_from_raw_rows(law_frames, all_features(law_frames))
    assert not found, "\n".join(map(str, found))


def test_a_planted_future_return_is_caught_at_every_session(law_frames: SourceFrames):
    found = found_from_raw_rows(law_frames, [PLANTED])
    places = nasty_sessions(law_frames)
    assert {f.session for f in found} == {places[name] for name in SOME}
    assert {f.law for f in found} == {"look-ahead (cut)", "look-ahead (garbage)"}


# ----------------------------------------------------- everything that a dataset and a model say


class Worlds:
    """Datasets of the law market under views, each built once."""

    def __init__(
        self,
        frames: SourceFrames,
        dataset: Dataset,
        checkpoints: Mapping[str, Checkpoint],
        folder: Path,
    ) -> None:
        self.frames, self.dataset, self.checkpoints = frames, dataset, checkpoints
        self.folder = folder

    def differences(self, name: str, ending: Ending) -> list[str]:
        t = nasty_sessions(self.frames)[name]
        day = self.dataset.sessions[t].item()
        place = self.folder / f"{ending}-{name}"
        other = dataset_of(VIEWS[ending](self.frames, day), place)
        return differences(self.view(self.dataset, t), self.view(other, t))

    def view(self, dataset: Dataset, t: int) -> DayView:
        return day_view(dataset, t, self.checkpoints)


@pytest.fixture
def worlds(
    law_frames: SourceFrames,
    law_dataset: Dataset,
    checkpoints: Mapping[str, Checkpoint],
    tmp_path: Path,
) -> Worlds:
    return Worlds(law_frames, law_dataset, checkpoints, tmp_path)


@pytest.mark.parametrize(("name", "ending"), in_turn(NASTY, VIEWS))
def test_features_universe_peers_tensors_and_scores_ignore_the_future(
    worlds: Worlds, name: str, ending: Ending
):
    assert worlds.differences(name, ending) == []


def test_in_the_morning_the_bars_are_those_of_the_evening(
    law_frames: SourceFrames, law_dataset: Dataset, tmp_path: Path
):
    """Of daily bars nothing is added by the night, and the next session's are not there yet."""
    config = BuildConfig(source="law", clock=Clock.PREMARKET)
    t = nasty_sessions(law_frames)["evening before a split"]
    day = law_dataset.sessions[t].item()
    whole = dataset_of(law_frames, tmp_path / "whole", config)
    other = dataset_of(garbled(law_frames, day), tmp_path / "garbled", config)
    assert differences(day_view(whole, t), day_view(other, t)) == []
    assert whole.content_hash == law_dataset.content_hash


def test_the_nasty_sessions_are_nasty(law_frames: SourceFrames, law_dataset: Dataset, checkpoints):
    places = nasty_sessions(law_frames)
    assert set(places) == set(NASTY)
    assert len(set(places.values())) >= 12
    view = day_view(law_dataset, places["split"], checkpoints)
    assert min(len(part) for part in (view.members, view.neighbours, view.sectors)) > 3
    assert len(view.raw) >= len(view.members)
    assert len(set(view.raw.values())) > len(view.members) / 2
    assert set(view.scores) == {"ridge", "atft-gat-fan"}
    assert all(len(scores) == len(view.members) for scores in view.scores.values())


@pytest.fixture
def with_planted_feature(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Feature], None]]:
    """Slip a feature into every selection."""

    def plant(feature: Feature) -> None:
        def planted(*args: object, **kwargs: object) -> Selection:
            made = select(*args, **kwargs)  # type: ignore[arg-type]
            return replace(made, ordered=(*made.ordered, feature), visible=(*made.visible, feature))

        monkeypatch.setattr(assemble_module, "select", planted)

    return plant


@pytest.mark.parametrize("feature", [PLANTED, COUNTS_ALL_CODES], ids=lambda f: f.name)
def test_a_planted_feature_is_caught_in_the_dataset(
    law_frames: SourceFrames, with_planted_feature, tmp_path: Path, feature: Feature
):
    with_planted_feature(feature)
    t = nasty_sessions(law_frames)["evening before a listing"]
    whole = dataset_of(law_frames, tmp_path / "whole")
    other = dataset_of(cut(law_frames, whole.sessions[t].item()), tmp_path / "cut")
    found = differences(day_view(whole, t), day_view(other, t))
    assert f"feature {feature.name}" in found


def with_channel(
    monkeypatch: pytest.MonkeyPatch, compute: Callable[[Mapping[str, FloatArray]], FloatArray]
) -> None:
    """Compute the first raw channel in another way."""

    def planted(*args: object, **kwargs: object) -> Selection:
        made = select(*args, **kwargs)  # type: ignore[arg-type]
        (first, *_) = raw_channels(tuple(kwargs["available"]))  # type: ignore[arg-type]
        other = replace(first, compute=compute)
        return replace(made, ordered=tuple(other if f is first else f for f in made.ordered))

    monkeypatch.setattr(assemble_module, "select", planted)


def test_a_raw_channel_of_tomorrow_is_caught(
    law_frames: SourceFrames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    with_channel(monkeypatch, tomorrow)
    t = nasty_sessions(law_frames)["split"]
    whole = dataset_of(law_frames, tmp_path / "whole")
    for ending, view in VIEWS.items():
        other = dataset_of(view(law_frames, whole.sessions[t].item()), tmp_path / ending)
        assert differences(day_view(whole, t), day_view(other, t)) == ["raw"]
        assert differences(day_view(whole, t - 1), day_view(other, t - 1)) == []


def test_a_neighbour_table_of_the_future_is_caught(
    law_frames: SourceFrames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    honest = assemble_module.neighbour_tables

    def planted(close, group, universe, sessions, config, *, first, threads):
        tables, block = honest(close, group, universe, sessions, config, first=first)
        ahead = np.minimum(np.arange(len(tables)) + 1, len(tables) - 1)
        return tables[ahead], block

    monkeypatch.setattr(assemble_module, "neighbour_tables", planted)
    t = nasty_sessions(law_frames)["split"]
    whole = dataset_of(law_frames, tmp_path / "whole")
    other = dataset_of(cut(law_frames, whole.sessions[t].item()), tmp_path / "cut")
    assert differences(day_view(whole, t), day_view(other, t)) == ["neighbours"]


def test_a_universe_that_knows_survivors_is_caught(
    law_frames: SourceFrames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    honest = universe_module.universe_of

    def planted(panel, config):
        return honest(panel, config) & panel.listed()[-1]

    monkeypatch.setattr(assemble_module, "universe_of", planted)
    t = nasty_sessions(law_frames)["split"]
    whole = dataset_of(law_frames, tmp_path / "whole")
    other = dataset_of(cut(law_frames, whole.sessions[t].item()), tmp_path / "cut")
    assert "members" in differences(day_view(whole, t), day_view(other, t))


def test_a_model_that_reads_the_whole_dataset_is_caught(worlds: Worlds):
    honest = worlds.checkpoints["ridge"]

    class Peeking:
        def scores(self, dataset, indices):
            return honest.scores(dataset, indices) * (1.0 + len(dataset.sessions) / 1e3)

    worlds.checkpoints = {"peeking": Peeking()}  # type: ignore[dict-item]
    assert worlds.differences("split", Ending.CUT) == ["score peeking"]
