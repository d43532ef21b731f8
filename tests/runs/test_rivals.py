"""Who a run is compared with: the newest of each kind on the same dataset, dates and labels."""

import polars as pl
import pytest

from gogooku.core.config import Execution, resolve
from gogooku.core.errors import DataError, UnsealedError
from gogooku.core.progress import SilentReporter
from gogooku.runs import rivals
from gogooku.runs.find import open_run
from gogooku.runs.folder import OtherSettingsError, read_run
from gogooku.runs.named import run_named
from gogooku.runs.rivals import RIVALS, compared, rivals_of
from gogooku.runs.train import train
from support.report_pages import daily_of


def trained(home, ridge, name, *assignments):
    return train(
        home,
        name,
        resolve(run_named(name), base_name=name, assignments=assignments),
        ridge.dataset(home),
        execution=Execution(threads=1),
        reporter=SilentReporter(),
    )


def test_the_others_are_found_and_its_own_kind_is_none(home, ridge):
    found = rivals_of(home, ridge)
    assert list(found.runs) == ["lightgbm", "reversal"]
    assert found.missing == ()
    network = rivals_of(home, open_run(home, "atft-gat-fan"))
    assert list(network.runs) == list(RIVALS)


@pytest.mark.parametrize("setting", ["split.train=0.5", "label_order=shuffled"])
def test_other_dates_or_labels_are_no_comparison(home, ridge, setting):
    other = trained(home, ridge, "ridge", setting)
    found = rivals_of(home, other)
    assert found.runs == {}
    assert found.missing == ("lightgbm", "reversal")


def test_the_newest_of_a_kind_counts(home, ridge):
    newer = trained(home, ridge, "reversal", "seed=7")
    assert rivals_of(home, ridge).runs["reversal"].run_id == newer.run_id


def test_a_damaged_run_is_named(home, ridge):
    config = open_run(home, "reversal").folder / "config.json"
    config.write_text(config.read_text().replace("warmup_sessions", "warm_up"))
    with pytest.raises(DataError, match=r"config\.json"):
        rivals_of(home, ridge)


@pytest.mark.parametrize("fault", [OtherSettingsError, UnsealedError])
def test_a_run_that_an_earlier_version_wrote_is_none(home, ridge, monkeypatch, fault):
    def refused(folder):
        if folder.name.startswith("reversal"):
            raise fault("an earlier version wrote it")
        return read_run(folder)

    monkeypatch.setattr(rivals, "read_run", refused)
    assert rivals_of(home, ridge).missing == ("reversal",)


def test_differences_are_of_the_run_from_each_other_one():
    ours = daily_of(0)
    found = compared(ours, {"ridge": daily_of(1), "reversal": daily_of(2)}, name="mine")
    assert found.get_column("a").unique().to_list() == ["mine"]
    assert found.get_column("b").unique(maintain_order=True).to_list() == ["ridge", "reversal"]
    one = found.filter(b="ridge", horizon=5).to_dicts()[0]
    both = [frame.filter(horizon=5).get_column("rank_ic") for frame in (ours, daily_of(1))]
    assert one["difference"] == pytest.approx((both[0] - both[1]).mean())
    assert compared(pl.DataFrame(), {}, name="mine") is None
