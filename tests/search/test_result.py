"""What stays of a search: plain facts, settings for a run, a page."""

import json

import pytest

from gogooku.core.config import resolve
from gogooku.runs.config import TrainConfig
from gogooku.runs.newest import source_of_dataset
from gogooku.search.folder import BEST_FILE, PAGE_FILE, RESULT_FILE, files_of
from gogooku.search.result import facts_of, write_result


@pytest.fixture
def written(searched):
    home, found = searched
    write_result(found, source=source_of_dataset(home, found.plan.ground.dataset))
    return found


def test_facts_are_plain_values_without_nan(written):
    facts = json.loads((written.folder / RESULT_FILE).read_text())
    assert facts == json.loads(json.dumps(facts_of(written), allow_nan=False))
    assert facts["trials"] == 6
    assert sum(facts["states"].values()) == 6
    assert facts["folds"] == {"search": 2, "unseen": 1}
    assert len(facts["every_trial"]) == 6


def test_a_run_that_is_given_the_settings_is_the_pick(written):
    ground = written.plan.ground
    again = resolve(ground.run, base_name="lightgbm", file=written.folder / BEST_FILE).config
    assert isinstance(again, TrainConfig)
    assert again == written.finals.pick.config
    remark = (written.folder / BEST_FILE).read_text().splitlines()
    assert remark[0] == f"# search {written.folder.name}, trial {written.finals.pick.number}"
    assert remark[1].startswith("# Best of 6 trials")


def test_the_files_are_named_and_there(written):
    assert {name.rsplit("/", 1)[-1] for name in files_of(written.folder).values()} == {
        BEST_FILE, PAGE_FILE, RESULT_FILE,
    }  # fmt: skip
    page = (written.folder / PAGE_FILE).read_text()
    assert "SIMULATED MARKET" in page
