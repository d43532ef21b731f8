"""A finished month of evenings is one file; older datasets keep theirs, values stay the same."""

import subprocess
from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from gogooku import pipeline
from gogooku.core import files
from gogooku.core.config import Execution, resolve
from gogooku.core.progress import SilentReporter
from gogooku.core.rowfiles import FRESH_SESSIONS, RowFile
from gogooku.core.seal import Loose
from gogooku.core.stamp import make_stamp
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.compaction import merge_months
from gogooku.dataset.continuing import remove_interrupted
from gogooku.dataset.home import read_values
from gogooku.dataset.reading import read_dataset
from gogooku.dataset.state import feature_files, load_grown, whole_rows
from gogooku.dataset.verify import damaged_parts
from gogooku.ingest.source import write_source
from gogooku.sandbox.market.market import generate, source_frames
from support.law_world import SHORT_MARKET
from support.soak import in_turn, some

FEATURES = ("ret_prev_1d", "volatility_20d", "uni_ret_1d")
FIRST = 96
"""Sessions that are built at once; the others come evening by evening."""


@pytest.fixture(scope="module")
def frames():
    return source_frames(generate(SHORT_MARKET))


def evening(home, frames, day):
    """The dataset of what was known on a day."""
    known = pl.col("date") <= day
    ended = pl.when(pl.col("listed_to") <= day).then(pl.col("listed_to"))
    seen = replace(
        frames,
        quotes=frames.quotes.filter(known),
        listings=frames.listings.filter(pl.col("listed_from") <= day).with_columns(ended),
        indices=frames.indices.filter(known),
    )
    stamp = make_stamp("import", config_hash=str(day), code=("gogooku.core.errors",), inputs={})
    write_source(home, "evenings", seen, stamp=stamp, config={})
    return pipeline.build(
        home,
        resolve(BuildConfig(source="evenings", features=FEATURES), base_name="build"),
        execution=Execution(threads=1),
        reporter=SilentReporter(),
    )


def days_of(frames):
    return frames.quotes.get_column("date").unique().sort().to_list()


def names(dataset):
    return [path.stem for path in feature_files(dataset.folder)]


def bounded(dataset):
    """One file for each month that was finished when rows could last come."""
    fresh = str(dataset.sessions[-FRESH_SESSIONS])[:7]
    finished = [stem[:7] for stem in names(dataset) if stem[:7] < fresh]
    return len(set(finished)) == len(finished)


@pytest.fixture(scope="module")
def begun(frames, tmp_path_factory):
    """A copy of a home in which evenings were built one after the other, and the last dataset."""
    homes = {}

    def begin(home, days):
        for n, day in enumerate(days, start=1):
            if days[:n] not in homes:
                base = tmp_path_factory.mktemp("begun") / "home"
                if n > 1:
                    copied(homes[days[: n - 1]][0], base)
                homes[days[:n]] = base, evening(base, frames, day)
        base, made = homes[days]
        copied(base, home)
        return read_dataset(home / made.folder.relative_to(base))

    return begin


def copied(base, home):
    """Datasets share files, and their copies do: links stay links."""
    subprocess.run(["cp", "-a", str(base), str(home)], check=True)


@pytest.fixture(scope="module")
def at_once(frames, tmp_path_factory):
    """The dataset of what was known on a day, built in an empty home."""
    known = {}

    def build(day):
        if day not in known:
            known[day] = evening(tmp_path_factory.mktemp("whole"), frames, day)
        return known[day]

    return build


@pytest.fixture(scope="module")
def evenings(frames, tmp_path_factory):
    """Datasets of 41 evenings in a home, oldest first."""
    home = tmp_path_factory.mktemp("evenings") / "home"
    return [evening(home, frames, day) for day in days_of(frames)[FIRST - 1 :]]


def test_files_are_few_and_values_the_same(frames, evenings, tmp_path):
    newest = evenings[-1]
    assert all(bounded(dataset) for dataset in evenings)
    assert len(names(newest)) < 25 < len(evenings)
    months = {stem[:7] for stem in names(newest)[1:]}
    assert len(months) >= 3
    whole = evening(tmp_path, frames, days_of(frames)[-1])
    assert newest.manifest["growth"]["sessions_taken_over"] == len(whole.sessions) - 1
    assert newest.manifest["parts"] == whole.manifest["parts"]
    assert newest.manifest["content_hash"] == whole.manifest["content_hash"]
    assert read_values(newest, FEATURES[:2]).tobytes() == read_values(whole, FEATURES[:2]).tobytes()


def test_older_datasets_keep_their_files(evenings):
    for dataset in evenings[:: len(evenings) // 6]:
        assert damaged_parts(dataset) == []
        sessions = [str(day) for day in dataset.sessions]
        ends = [tuple(stem.split("_")) for stem in names(dataset)]
        rows = [sessions.index(last) - sessions.index(first) + 1 for first, last in ends]
        assert sum(rows) == len(sessions)
        for path in feature_files(dataset.folder):
            held = pl.read_parquet(path, columns=["date"])["date"]
            assert f"{held.min()}_{held.max()}" == path.stem
        grown = load_grown(dataset.folder)
        assert whole_rows(grown, grown.rows) == grown.rows


def test_a_merged_month_ends_where_it_ends(evenings):
    newest = evenings[-1]
    grown = load_grown(newest.folder)
    merged = next(stem for stem in names(newest)[1:] if stem[:10] != stem[11:])
    first, last = (
        int(np.searchsorted(newest.sessions, np.datetime64(day))) for day in merged.split("_")
    )
    assert whole_rows(grown, last + 1) == last + 1
    assert whole_rows(grown, last) == first
    path = newest.folder / "features" / merged[:4] / f"{merged}.parquet"
    single = feature_files(newest.folder)[-1]
    assert pq.read_schema(path).equals(pq.read_schema(single))
    groups = pq.ParquetFile(path)
    sizes = [
        len(groups.read_row_group(g, columns=["date"]).column("date").unique())
        for g in range(groups.num_row_groups)
    ]
    assert sizes[0] == min(16, last - first + 1)
    assert sum(sizes) == last - first + 1


def test_a_whole_build_keeps_its_newest_sessions_apart(evenings):
    """The newest year by months, and each of its newest sessions for itself."""
    first = evenings[0]
    held = [stem.split("_") for stem in names(first)]
    alone = [begin for begin, end in held if begin == end]
    assert alone == [str(day) for day in first.sessions[-FRESH_SESSIONS:]]
    months = [begin[:7] for begin, end in held if begin != end]
    assert months == [f"2026-{month:02d}" for month in range(1, len(months) + 1)]
    assert all(begin[:7] == end[:7] for begin, end in held)


def test_a_row_told_otherwise_costs_the_sessions_after_it(frames, tmp_path):
    """A correction of the session before last leaves the files before that session alone."""
    home = tmp_path / "home"
    days = days_of(frames)
    whole = evening(home, frames, days[FIRST - 1])
    told = told_otherwise(frames, days[FIRST - 2])
    made = evening(home, told, days[FIRST])
    assert made.manifest["growth"]["sessions_taken_over"] == FIRST - 2
    kept = {path.name: path.stat().st_ino for path in feature_files(whole.folder)}
    now = {path.name: path.stat().st_ino for path in feature_files(made.folder)}
    shared = [name for name in now if kept.get(name) == now[name]]
    assert len(shared) == len(kept) - 2
    assert inode(made) == inode(whole)
    assert_whole(whole, evening(tmp_path / "before", frames, days[FIRST - 1]))
    assert_whole(made, evening(tmp_path / "once", told, days[FIRST]))

    # the next delivery takes it back: all three share rows and keep what they told
    again = evening(home, frames, days[FIRST + 1])
    assert again.manifest["growth"]["sessions_taken_over"] == FIRST - 2
    assert inode(again) == inode(whole)
    assert_whole(again, evening(tmp_path / "again", frames, days[FIRST + 1]))
    assert damaged_parts(whole) == damaged_parts(made) == []


def test_a_row_told_otherwise_long_ago_costs_a_copy(frames, tmp_path):
    """Rows that an older dataset has nowhere else are not written again."""
    home, days = tmp_path / "home", days_of(frames)
    old = evening(home, frames, days[FIRST - 1])
    told = told_otherwise(frames, days[FIRST - FRESH_SESSIONS - 2])
    made = evening(home, told, days[FIRST])
    assert 0 < made.manifest["growth"]["sessions_taken_over"] < FIRST - FRESH_SESSIONS
    assert inode(made) != inode(old)
    assert damaged_parts(old) == []
    assert_whole(made, evening(tmp_path / "once", told, days[FIRST]))


def test_what_a_killed_growth_wrote_over_shared_rows_is_put_back(frames, tmp_path, monkeypatch):
    home, days = tmp_path / "home", days_of(frames)
    old = evening(home, frames, days[FIRST - 1])
    told = told_otherwise(frames, days[FIRST - 3])

    def kill(name):
        if name == "bars.done":
            raise Killed

    monkeypatch.setattr(files, "WATCHERS", [kill])
    with pytest.raises(Killed):
        evening(home, told, days[FIRST])
    monkeypatch.setattr(files, "WATCHERS", [])
    grown = load_grown(old.folder)
    x = grown.layout.x
    assert x.rows(FIRST)[FIRST - 3 :].tobytes() != grown.rows_of(x)[FIRST - 3 :].tobytes()
    made = evening(home, frames, days[FIRST + 1])
    assert made.manifest["growth"]["sessions_taken_over"] == FIRST
    assert inode(made) == inode(old)
    assert damaged_parts(old) == []
    assert_whole(made, evening(tmp_path / "once", frames, days[FIRST + 1]))


def told_otherwise(frames, day):
    """The same market with other closes on a day."""
    late = (pl.col("date") == day) & (pl.col("close") > 0)
    close = pl.when(late).then(pl.col("low")).otherwise(pl.col("close")).alias("close")
    return replace(frames, quotes=frames.quotes.with_columns(close))


def inode(dataset):
    return (dataset.folder / "x.bin").stat().st_ino


def assert_whole(dataset, once):
    """The dataset is as good as one that was built at once."""
    assert damaged_parts(dataset) == []
    assert dataset.manifest["content_hash"] == once.manifest["content_hash"]
    assert dataset.x_TNF[:].tobytes() == once.x_TNF[:].tobytes()


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    "point",
    some(["compaction.written", "compaction.done", "compaction.renamed", "grown.saved"], keep=2),
)
def test_killed_while_merging(point, frames, begun, evenings, tmp_path, monkeypatch):
    """Whoever goes on gets what nobody had stopped, and the older dataset is whole."""
    days = days_of(frames)
    turn = next(t for t in range(FIRST + 5, len(days)) if days[t].month != days[t - 1].month)
    turn += FRESH_SESSIONS - 1
    home = tmp_path / "home"
    old = begun(home, (days[FIRST - 1], *days[turn - 3 : turn]))

    def kill(name):
        if name == point:
            raise Killed

    monkeypatch.setattr(files, "WATCHERS", [kill])
    with pytest.raises(Killed):
        evening(home, frames, days[turn])
    monkeypatch.setattr(files, "WATCHERS", [])
    assert damaged_parts(old) == []
    made = evening(home, frames, days[turn])
    assert damaged_parts(old) == []
    assert damaged_parts(made) == []
    assert bounded(made)
    same = next(d for d in evenings if d.sessions[-1] == made.sessions[-1])
    assert made.manifest["parts"] == same.manifest["parts"]
    assert made.manifest["growth"]["sessions_taken_over"] == len(made.sessions) - 1


@pytest.mark.parametrize("occurrence", some([1, 2, 4, 9], keep=2))
def test_killed_while_the_state_is_written(
    occurrence, frames, begun, at_once, tmp_path, monkeypatch
):
    """The state before stays: rows that an older dataset shares are not written again."""
    days = days_of(frames)
    home = tmp_path / "home"
    old = begun(home, (days[FIRST - 1],))
    rows = old.x_TNF[:].tobytes()
    times = iter(range(1, 1000))

    def kill(name):
        if name == "grown.array" and next(times) == occurrence:
            raise Killed

    monkeypatch.setattr(files, "WATCHERS", [kill])
    with pytest.raises(Killed):
        evening(home, frames, days[FIRST])
    monkeypatch.setattr(files, "WATCHERS", [])
    extended = []
    extend = RowFile.extend

    def watched(file, first, count):
        if file.path.parent.name != "labels":  # open labels are written anew
            extended.append(first)
        return extend(file, first, count)

    monkeypatch.setattr(RowFile, "extend", watched)
    made = evening(home, frames, days[FIRST])
    assert min(extended) == len(old.sessions)
    assert damaged_parts(old) == []
    assert old.x_TNF[:].tobytes() == rows
    assert damaged_parts(made) == []
    assert made.manifest["content_hash"] == at_once(days[FIRST]).manifest["content_hash"]
    assert len(names(made)) == len(names(old)) + 1


@pytest.mark.parametrize(
    ("point", "superseded"),
    in_turn(
        ["build.block", "bars.done", "labels.arrays", "labels.written", "dataset.annotated"],
        [False, True],
    ),
)
def test_a_growth_that_is_killed_changes_no_older_dataset(
    point, superseded, frames, begun, at_once, tmp_path, monkeypatch
):
    """Whether the same delivery goes on, or one of the next evening takes its place."""
    days = days_of(frames)
    home = tmp_path / "home"
    old = begun(home, (days[FIRST - 1], days[FIRST]))

    def kill(name):
        if name == point:
            raise Killed

    monkeypatch.setattr(files, "WATCHERS", [kill])
    with pytest.raises(Killed):
        evening(home, frames, days[FIRST + 1])
    monkeypatch.setattr(files, "WATCHERS", [])
    assert damaged_parts(old) == []
    last = days[FIRST + 1 + superseded]
    made = evening(home, frames, last)
    assert damaged_parts(old) == []
    assert damaged_parts(made) == []
    assert made.manifest["content_hash"] == at_once(last).manifest["content_hash"]


def test_only_what_builds_of_the_same_source_left_is_removed(tmp_path):
    folder = tmp_path / ("us-" + "0" * 16)
    mine, other = ".us-" + "1" * 16 + ".building", ".us-small-" + "2" * 16 + ".building"
    for name in (mine, other, f".{folder.name}.building"):
        (tmp_path / name).mkdir()
    remove_interrupted(folder, "us")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [other, f".{folder.name}.building"]
    )


def test_an_unfinished_month_is_left_alone(evenings, tmp_path):
    folder = tmp_path / "dataset"
    newest = evenings[-1]
    for path in feature_files(newest.folder):
        place = folder / "features" / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.hardlink_to(path)
    before = names(newest)
    before_all = newest.sessions[-1].item()
    assert merge_months(folder, before=before_all, taken=Loose(folder)) == 0
    assert [path.stem for path in feature_files(folder)] == before
