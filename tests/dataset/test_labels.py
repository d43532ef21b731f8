import numpy as np
import pytest

from gogooku.core.errors import ContractError, DataError
from gogooku.core.types import OUTCOMES, Labels, Outcome
from gogooku.dataset.label_files import read_labels
from gogooku.dataset.labels import (
    MAX_LATE,
    LabelInputs,
    excess,
    forward_returns,
    residuals,
    tradable,
    write_labels,
)

NAN = np.nan


def inputs(open_TN, *, listed=None, close=None, **changes):
    open_TN = np.asarray(open_TN, dtype=float)
    close = open_TN if close is None else np.asarray(close, dtype=float)
    base = {
        "open_TN": open_TN,
        "high_TN": open_TN,
        "close_TN": close,
        "listed_TN": np.ones(open_TN.shape, bool) if listed is None else np.asarray(listed, bool),
        "universe_TN": np.ones(open_TN.shape, bool),
        "limit_up_TN": np.zeros(open_TN.shape),
        "sector_TN": np.full(open_TN.shape, NAN),
        "beta_TN": np.full(open_TN.shape, NAN),
    }
    return LabelInputs(**(base | changes))


def column(values):
    return np.asarray(values, dtype=float)[:, None]


def kinds(raw):
    return [str(OUTCOMES[k]) for k in raw.outcome[:, 0]]


def test_next_open_to_the_open_h_sessions_later():
    raw = forward_returns(inputs(column([1, 2, 3, 6, 12])), 1)
    np.testing.assert_allclose(raw.value[:, 0], [0.5, 1.0, 1.0, NAN, NAN])
    assert kinds(raw) == ["normal"] * 3 + ["unresolved"] * 2


def test_no_entry_is_null_and_a_halted_exit_uses_the_first_later_open():
    raw = forward_returns(inputs(column([1, 2, NAN, 6, 12])), 1)
    np.testing.assert_allclose(raw.value[:, 0], [2.0, NAN, 1.0, NAN, NAN])
    assert kinds(raw)[:3] == ["late_exit", "no_entry", "normal"]
    assert raw.late[0, 0] == 1


@pytest.mark.parametrize("later", ["open", "nothing", "delisted"])
def test_after_a_year_without_an_open_the_last_close_stands(later):
    """What comes after that year changes nothing, and before its end nothing is known."""
    sessions = 3 + MAX_LATE + 2
    price = column([1.0, 2.0, *[NAN] * (sessions - 2)])
    close = column([1.0, 3.0, *[NAN] * (sessions - 2)])
    if later == "open":
        price[-1] = close[-1] = 9.0
    listed = np.ones((sessions, 1), dtype=bool)
    if later == "delisted":
        listed[-1] = False
    case = inputs(price, listed=listed, close=close)
    raw = forward_returns(case, 1)
    assert kinds(raw)[0] == "stale_exit"
    np.testing.assert_allclose(raw.value[0], 3.0 / 2.0 - 1.0)
    assert raw.late[0, 0] == MAX_LATE
    end = 2 + MAX_LATE
    before = forward_returns(LabelInputs(**{k: v[:end] for k, v in case.__dict__.items()}), 1)
    assert kinds(before)[0] == "unresolved"
    assert np.isnan(before.value[0, 0])


@pytest.mark.parametrize(("at", "kind"), [(0, "late_exit"), (1, "stale_exit")])
def test_the_year_of_waiting_has_an_exact_end(at, kind):
    price = column([1.0, 2.0, *[NAN] * (MAX_LATE + 4)])
    price[2 + MAX_LATE + at] = 5.0
    raw = forward_returns(inputs(price), 1)
    assert kinds(raw)[0] == kind
    np.testing.assert_allclose(raw.value[0], 1.5 if kind == "late_exit" else 0.0)
    assert raw.late[0, 0] == MAX_LATE


def test_a_name_delisted_within_the_year_has_its_terminal_close():
    price = column([1.0, 2.0, *[NAN] * (MAX_LATE + 4)])
    listed = np.ones(price.shape, dtype=bool)
    listed[2 + MAX_LATE :] = False
    raw = forward_returns(inputs(price, listed=listed), 1)
    assert kinds(raw)[0] == "delisted"
    assert raw.late[0, 0] == MAX_LATE


def test_a_delisted_name_gets_its_terminal_close():
    listed = column([1, 1, 1, 0, 0, 0])
    close = column([1, 2, 5, NAN, NAN, NAN])
    raw = forward_returns(inputs(column([1, 2, 4, NAN, NAN, NAN]), listed=listed, close=close), 2)
    assert kinds(raw)[:2] == ["delisted", "delisted"]
    np.testing.assert_allclose(raw.value[:2, 0], [5 / 2 - 1, 5 / 4 - 1])
    assert kinds(raw)[2] == "no_entry"


def test_a_name_listed_again_ended_with_its_first_listing():
    listed = column([1, 1, 1, 0, 1, 1, 1])
    values = column([1, 2, 4, NAN, 50, 60, 90])
    close = column([1, 2, 5, NAN, 50, 60, 90])
    raw = forward_returns(inputs(values, listed=listed, close=close), 2)
    assert kinds(raw)[:2] == ["delisted", "delisted"]
    np.testing.assert_allclose(raw.value[:2, 0], [5 / 2 - 1, 5 / 4 - 1])
    again = forward_returns(inputs(values, listed=listed, close=close), 1)
    assert kinds(again)[2:5] == ["no_entry", "no_entry", "normal"]
    np.testing.assert_allclose(again.value[4, 0], 90 / 60 - 1)


def test_halted_until_delisting_is_delisted_not_dropped():
    listed = column([1, 1, 1, 1, 0, 0])
    raw = forward_returns(
        inputs(column([1, 2, NAN, NAN, NAN, NAN]), listed=listed, close=column([1, 2] + [NAN] * 4)),
        1,
    )
    assert kinds(raw)[0] == "delisted"
    assert raw.value[0, 0] == 0.0
    assert raw.late[0, 0] == 2, "known only when the listing has ended"


def test_halted_to_the_end_of_the_data_is_unresolved():
    raw = forward_returns(inputs(column([1, 2, NAN, NAN, NAN])), 1)
    assert kinds(raw)[0] == "unresolved"
    assert np.isnan(raw.value[0, 0])


def test_too_short_a_history_has_no_labels():
    raw = forward_returns(inputs(column([1, 2])), 5)
    assert np.isnan(raw.value).all()


def test_locked_at_the_limit_cannot_be_bought():
    opened = column([1, 2, 3, 4])
    flags = column([0, 1, 0, 1])
    made = tradable(inputs(opened, limit_up_TN=flags))
    np.testing.assert_array_equal(made[:, 0], [False, True, False, False])


def test_excess_and_residual_remove_what_they_say():
    rng = np.random.default_rng(3)
    value = rng.normal(size=(4, 60))
    sector = np.tile(np.arange(60) % 3, (4, 1)).astype(float)
    beta = rng.normal(1, 0.3, size=(4, 60))
    universe = rng.random((4, 60)) < 0.8
    value[1, 0] = NAN
    beta[2, 1] = NAN
    made = residuals(value, universe_TN=universe, sector_TN=sector, beta_TN=beta)
    for t in range(4):
        use = universe[t] & np.isfinite(value[t])
        assert np.isnan(made[t, ~use]).all()
        known = np.where(np.isnan(beta[t]), np.nanmean(beta[t][use]), beta[t])
        design = np.column_stack([*(sector[t][use] == s for s in range(3)), known[use]])
        expected = (
            value[t][use]
            - design @ np.linalg.lstsq(design.astype(float), value[t][use], rcond=None)[0]
        )
        np.testing.assert_allclose(made[t, use], expected, atol=1e-9)
    np.testing.assert_allclose(np.nanmean(excess(value, universe), axis=1), 0, atol=1e-12)


def test_written_labels_come_back_and_refuse_other_axes(tmp_path):
    rng = np.random.default_rng(0)
    opened = np.exp(rng.normal(0, 0.01, (40, 6)).cumsum(axis=0))
    sessions = np.arange("2024-01-01", "2024-02-10", dtype="datetime64[D]")
    first = write_labels(tmp_path, inputs(opened), sessions=sessions)
    labels = read_labels(tmp_path, sessions=sessions, codes=tuple("abcdef"))
    assert labels.manifest["content_hash"] == first
    np.testing.assert_allclose(labels.raw_TNH[3, 2, 1], opened[9, 2] / opened[4, 2] - 1, rtol=1e-6)
    assert labels.resolved_TH[3, 1] == sessions[9]
    with pytest.raises(ContractError, match="rebuild"):
        read_labels(tmp_path, sessions=sessions[:-1], codes=tuple("abcdef"))


def test_labels_are_known_only_before_the_cutoff(tmp_path):
    opened = np.ones((60, 2))
    opened[25:29, 1] = NAN
    sessions = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
    write_labels(tmp_path, inputs(opened), sessions=sessions)
    labels = read_labels(tmp_path, sessions=sessions, codes=("a", "b"))
    seen = labels.known_before(23, variant="raw", cutoff=27)
    np.testing.assert_array_equal(np.isfinite(seen), [[True, False, False, False]] + [[False] * 4])
    assert labels.outcome_TNH[23, 1, 0] == OUTCOMES.index(Outcome.LATE_EXIT)
    assert np.isfinite(labels.known_before(23, variant="raw", cutoff=30)[1, 0])


def test_a_label_on_an_unresolved_date_is_refused(tmp_path):
    sessions = np.arange("2024-01-01", "2024-02-10", dtype="datetime64[D]")
    write_labels(tmp_path, inputs(np.ones((40, 2))), sessions=sessions)
    good = read_labels(tmp_path, sessions=sessions, codes=("a", "b"))
    bad = np.array(good.raw_TNH)
    bad[-1, 0, 0] = 0.1
    with pytest.raises(DataError, match="1 values at horizon 1"):
        Labels(**{**good.__dict__, "raw_TNH": bad})
