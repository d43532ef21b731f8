"""`kill -9` of `gogooku sync` at every named write point and at random moments, then resume."""

import json
import random
import shutil
import signal
from datetime import timedelta

import pytest

from gogooku.core.files import locked
from gogooku.ingest.jquants.raw import open_store
from gogooku.tables.parts import parts_folder
from support.cli import artefacts, leftovers, visible
from support.loopback import FEW, LATER, LATEST, NOW, RECENT, only
from support.soak import some

LEDGER = "raw/sandbox/ledger.sqlite"
ASK = (*only(*FEW), "--from", RECENT)
STAGES = {"first": NOW, "third": LATEST}
"""A first sync (files, queries, a poll), and one that asks provisional days and a split again."""
SOON = timedelta(minutes=3)


@pytest.fixture(scope="module")
def begun(line, tmp_path_factory):
    """Home before each stage."""
    home = tmp_path_factory.mktemp("begun") / "home"
    for now in (NOW, LATER):
        result = line.sync(home, *ASK, now=now)
        assert result.code == 0, result.err
    return {"first": None, "third": home}


@pytest.fixture(scope="module")
def undisturbed(line, begun, tmp_path_factory):
    """Per stage: the result of a plain sync and its home."""
    found = {}
    for stage, now in STAGES.items():
        home = start(begun[stage], tmp_path_factory.mktemp("plain") / "home")
        result = line.sync(home, *ASK, now=now)
        assert result.code == 0, result.err
        assert clean(home)
        found[stage] = (result, home)
    return found


def start(begun, home):
    if begun is not None:
        shutil.copytree(begun, home)
    return home


def clean(home):
    """No hidden thing but locks, no journal, no body that no answer refers to."""
    store = open_store(home, "sandbox")
    bodies = {path.name for path in store.folder.glob("bodies/*/*")}
    assert leftovers(home) == []
    assert not list(home.rglob("*-journal"))
    assert bodies == store.digests()
    return True


def answers(home):
    """What the ledger holds, in its order: everything but the row numbers."""
    store = open_store(home, "sandbox")
    held = [
        (b.endpoint, b.query, b.kind, b.first, b.last, b.fetched_at, b.rows, b.bodies, b.cursor)
        for b in store.batches()
    ]
    return held, store.dues(), store.subscription(), store.days("quotes")


def files(home):
    return {path: content for path, content in visible(home).items() if path != LEDGER}


def delivered(home):
    """Content of the current source, part by part, with its counts."""
    folder = home / "sources" / "sandbox"
    version = json.loads((folder / "current.json").read_text())["version"]
    manifest = json.loads((folder / version / "manifest.json").read_text())
    assert manifest["parts"]
    return manifest["parts"], manifest["rows"], manifest["facts"]


def assert_whole(home, *whole):
    """Every version of the source that can be seen is that of an undisturbed sync."""
    known = {}
    for one in whole:
        known |= artefacts(files(one)) if one is not None else {}
    seen = {
        name: parts for name, parts in artefacts(files(home)).items() if name.startswith("sources/")
    }
    for name, parts in seen.items():
        if not name.endswith("current.json"):
            assert parts == known[name], f"{name} is visible and not what an undisturbed sync makes"
    if (home / "sources" / "sandbox" / "current.json").exists():
        delivered(home)


def occurrences(points, which):
    """Some occurrences of each name, as (name, nth); -1 is the last."""
    return [
        (name, nth)
        for name in dict.fromkeys(points)
        for nth in dict.fromkeys(points.count(name) if one == -1 else one for one in which)
    ]


def disturb(line, begun, undisturbed, stage, home, **options):
    start(begun[stage], home)
    killed = line.sync(home, *ASK, now=STAGES[stage], **options)
    if "kill_at" in options:
        assert killed.code == -signal.SIGKILL, f"{stage}: {options} did not kill"
    assert killed.code in (0, -signal.SIGKILL), killed.err
    assert_whole(home, begun[stage], undisturbed[stage][1])


@pytest.mark.parametrize(
    ("stage", "which", "every"),
    [
        ("first", (1,), 5),
        ("third", (-1,), 5),
        *(
            pytest.param(stage, which, 1, marks=pytest.mark.soak)
            for stage, which in (("first", (1,)), ("third", (-1,)), ("first", (-1,)))
        ),
    ],
)
def test_killed_at_write_points_and_resumed_is_as_undisturbed(
    stage, which, every, line, begun, undisturbed, tmp_path
):
    """Every fifth of them, others in the other stage; all of them in the long version."""
    result, plain = undisturbed[stage]
    places = occurrences(result.points, which)
    assert len(dict(places)) >= 16, "the write points of a sync are being lost"
    for place in places[list(STAGES).index(stage) % every :: every]:
        home = tmp_path / "home"
        disturb(line, begun, undisturbed, stage, home, kill_at=list(place))
        again = line.sync(home, *ASK, now=STAGES[stage])
        assert again.code == 0, f"{place}: {again.err}"
        assert clean(home), place
        assert answers(home) == answers(plain), place
        assert files(home) == files(plain), place
        shutil.rmtree(home)


def kill_at_random(line, begun, undisturbed, tmp_path, *, stage, kills):
    """Killed, and resumed a little later: what was fetched before stays, nothing comes twice."""
    rng = random.Random(f"kill sync {stage}")
    result, plain = undisturbed[stage]
    for number in range(kills):
        delay = result.seconds * (number + rng.random()) / kills
        home = tmp_path / "home"
        disturb(line, begun, undisturbed, stage, home, kill_after=delay)
        again = line.sync(home, *ASK, now=STAGES[stage] + SOON)
        assert again.code == 0, f"after {delay:.3f} s: {again.err}"
        assert clean(home), delay
        assert delivered(home) == delivered(plain), delay
        asked = [(batch[0], batch[1]) for batch in answers(home)[0]]
        assert sorted(asked) == sorted((batch[0], batch[1]) for batch in answers(plain)[0]), delay
        shutil.rmtree(home)


@pytest.mark.parametrize(("stage", "kills"), [("first", 2), ("third", 2)])
def test_killed_at_4_random_moments_and_resumed_is_as_undisturbed(
    stage, kills, line, begun, undisturbed, tmp_path
):
    kill_at_random(line, begun, undisturbed, tmp_path, stage=stage, kills=kills)


@pytest.mark.soak
@pytest.mark.parametrize("stage", STAGES)
def test_soak_killed_at_50_random_moments_and_resumed(stage, line, begun, undisturbed, tmp_path):
    kill_at_random(line, begun, undisturbed, tmp_path, stage=stage, kills=50)


@pytest.mark.parametrize(
    "place", some(["raw.body", "tables.part", "artefact.begin", "pointer.staged"], keep=2)
)
def test_killed_and_run_again_another_day_leaves_nothing_of_the_first(
    place, line, begun, undisturbed, tmp_path
):
    home = tmp_path / "home"
    disturb(line, begun, undisturbed, "first", home, kill_at=[place, 1])
    again = line.sync(home, *ASK, now=LATER)
    assert again.code == 0, again.err
    assert clean(home)
    assert delivered(home) == delivered(begun["third"])


@pytest.mark.parametrize("place", ["raw.written", "raw.body"])
def test_a_body_that_no_answer_refers_to_is_removed_by_the_next_sync(place, line, tmp_path):
    home = tmp_path / "home"
    ask = (*only("topix"), "--from", RECENT)
    killed = line.sync(home, *ask, kill_at=[place, 2])
    assert killed.code == -signal.SIGKILL
    assert len(list(home.glob("raw/sandbox/bodies/*/*"))) == 2
    assert len(open_store(home, "sandbox").digests()) == 1
    again = line.sync(home, *ask, now=LATER)
    assert again.code == 0, again.err
    assert len(open_store(home, "sandbox").digests()) == 2
    assert clean(home)


def test_the_third_sync_asks_what_the_stage_is_about(begun, undisturbed):
    """Otherwise the kills above would miss a split and provisional days."""
    before, dues, _, _ = answers(begun["third"])
    after, left, _, _ = answers(undisturbed["third"][1])
    assert dues
    assert not left
    kinds = [str(batch[2]) for batch in after[len(before) :]]
    assert {"code", "pages", "cursor"} <= set(kinds)
    assert "file" in [str(batch[2]) for batch in before]


def test_a_second_sync_says_that_one_is_running_and_harms_nothing(line, tmp_path, undisturbed):
    home = tmp_path / "home"
    with open_store(home, "sandbox").writer() as held:
        second = line.sync(home, *ASK)
        assert second.code == 3
        assert second.error["error"] == "BusyError"
        assert "another sync is writing" in second.error["message"]
        assert second.out == ""
        assert not held.store.ledger_path.exists()
    assert line.sync(home, *ASK).code == 0
    assert files(home) == files(undisturbed["first"][1])


def test_two_syncs_at_once_make_what_one_makes(line, tmp_path, undisturbed):
    home = tmp_path / "home"
    results = line.forks.run_together(
        2, home, *line.argv(*ASK), **line.options(now=NOW, environment=())
    )
    codes = sorted(result.code for result in results)
    assert codes == [0, 3], [result.err for result in results]
    (refused,) = [result for result in results if result.code == 3]
    assert refused.error["error"] == "BusyError"
    assert clean(home)
    assert answers(home) == answers(undisturbed["first"][1])
    assert files(home) == files(undisturbed["first"][1])


def test_while_another_command_derives_tables_a_sync_keeps_what_it_fetched(
    line, tmp_path, undisturbed
):
    home = tmp_path / "home"
    with locked(parts_folder(home, "sandbox")):
        busy = line.sync(home, *ASK)
        assert busy.code == 3
        assert "another command is deriving its tables" in busy.error["message"]
        assert answers(home) == answers(undisturbed["first"][1])
    line.heard.forget()
    assert line.sync(home, *ASK).code == 0
    assert line.heard.paths == []
    assert files(home) == files(undisturbed["first"][1])
