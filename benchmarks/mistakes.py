"""The planted mistakes of `planted_mistakes.py`: one exact edit each, and who notices.

A mistake is an edit that somebody could have made and that changes what a dataset says. A harmless
change is an edit that changes nothing, so that no check may fail on it. The text to find must stand
exactly once in its file: when the code moves on, the list says so and is put right by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final


class Kind(StrEnum):
    """What sort of checker a test is."""

    LAW = "law"
    """It knows no right value: no look-ahead, exact lookback, one name at a time, growth."""
    ORACLE = "oracle"
    """It derives the right value independently: a plain loop, SQL, an example worked by hand."""
    AUDIT = "audit"
    """It builds a dataset with the spoiled code and lets `gogooku audit` judge it."""


@dataclass(frozen=True)
class Check:
    """A test, by its pytest node, and what sort of checker it is."""

    kind: Kind
    node: str


@dataclass(frozen=True)
class Planted:
    """One edit.

    Attributes
    ----------
    name : str
    what : str
        The mistake in words.
    file : str
        Below ``src/gogooku``.
    find, put : str
        Exact text, which stands there once, and what replaces it.
    checks : tuple of Check
        Tests that should notice it, the first one to be run first; for a harmless change, tests
        that must not.
    """

    name: str
    what: str
    file: str
    find: str
    put: str
    checks: tuple[Check, ...]


def _law(node: str) -> Check:
    return Check(Kind.LAW, f"tests/{node}")


def _oracle(node: str) -> Check:
    return Check(Kind.ORACLE, f"tests/{node}")


def _audit(node: str) -> Check:
    return Check(Kind.AUDIT, f"tests/audit/test_run.py::{node}")


def _clock(source: str) -> Check:
    return _oracle(
        "tables/test_first_visible.py::"
        f"test_first_visible_session_equals_the_oracle[{source}-evening]"
    )


def _price(feature: str) -> Check:
    return _oracle(f"oracle/test_features_oracle.py::test_one_name_at_a_time[{feature}]")


_AHEAD: Final = _law("features/test_catalogue.py::test_no_look_ahead")
_LOOKBACK: Final = _law("features/test_catalogue.py::test_lookback_is_exact")
_ONE_NAME: Final = _law("features/test_catalogue.py::test_along_features_see_one_name")
_RAW_AHEAD: Final = _law(
    "laws/test_no_look_ahead.py::test_no_feature_sees_the_future_of_the_raw_rows"
)
_RAW_LOOKBACK: Final = _law(
    "laws/test_rebuild_append.py::test_every_feature_is_a_function_of_its_lookback"
)
_WINDOW: Final = _law("features/engine/test_timeline.py::test_a_window_sees_the_history_before_it")
_GROWN: Final = _law(
    "laws/test_rebuild_append.py::test_a_dataset_that_goes_on_equals_one_built_at_once"
)
_STATEMENTS: Final = _oracle("features/company/test_statements.py")
_DOCUMENTS: Final = _oracle(
    "features/company/test_statements.py::test_base_columns_equal_plain_loops"
)
_SPLIT: Final = _oracle("tables/test_panel.py::test_columns_across_a_split_and_a_long_weekend")
_AS_BUILT: Final = _audit("test_a_dataset_as_built_has_no_finding")
_LABELS: Final = "dataset/test_labels.py::"
_LABEL_FILES: Final = "dataset/test_label_files.py::test_"
_OPTIONS: Final = "features/derivatives/test_options.py::"
_CHAIN_SEEN: Final = _oracle(f"{_OPTIONS}test_a_chain_is_seen_from_the_session_after")
_PEERS: Final = "features/peers/test_peers.py::"

_WINDOWS: Final = (
    Planted(
        "return-lag",
        "the one-session return is taken over two sessions",
        "features/bars/price.py",
        "gain(CLOSES, before(LAST_CLOSES, 1)),",
        "gain(CLOSES, before(LAST_CLOSES, 2)),",
        (_price("ret_prev_1d"), _LOOKBACK),
    ),
    Planted(
        "return-of-tomorrow",
        "a past return ends with tomorrow's close",
        "features/bars/price.py",
        "gain(LAST_CLOSES, before(LAST_CLOSES, h)),",
        "gain(\n"
        "    over(lambda close: np.vstack([close[1:], close[-1:]]), LAST_CLOSES),\n"
        "    before(LAST_CLOSES, h),\n"
        "),",
        (_AHEAD,),
    ),
    Planted(
        "shift-into-next-stock",
        "a lag on the flattened array hands the end of one stock to the next one",
        "features/engine/kernels.py",
        "    out[:sessions] = np.nan\n"
        "    out[sessions:] = values[: max(len(values) - sessions, 0)]\n",
        "    out[:] = np.roll(values.T.ravel(), sessions).reshape(values.T.shape).T\n",
        (_ONE_NAME, _LOOKBACK),
    ),
    Planted(
        "window-along-names",
        "a rolling mean runs along the axis of names",
        "features/engine/kernels.py",
        "    total = window_sum(known, window)\n    total /= counted(valid, window)",
        "    total = window_sum(np.ascontiguousarray(known.T), window).T.copy()\n"
        "    total /= counted(valid, window)",
        (_ONE_NAME,),
    ),
    Planted(
        "fill-without-limit",
        "the last close is carried over a gap of any length",
        "features/bars/price.py",
        "filled(CLOSES),",
        "over(partial(k.forward_fill, limit=100_000), CLOSES, window=LAST_CLOSES.lookback),",
        (_LOOKBACK, _price("ret_prev_20d")),
    ),
    Planted(
        "balance-without-limit",
        "a margin balance stands however long ago it was published",
        "features/engine/chains.py",
        "until = np.minimum(newest.t + sessions, oldest)",
        "until = np.full_like(oldest, timeline.shape[0])",
        (_oracle("features/trading/test_margin.py::test_balance_expires"),),
    ),
    Planted(
        "lookback-one-short",
        "a return over h sessions declares h sessions",
        "features/bars/price.py",
        "gain(LAST_CLOSES, before(LAST_CLOSES, h)),",
        'gain(LAST_CLOSES, before(col("_close", LAST_CLOSES.lookback - 1), h)),',
        (_LOOKBACK,),
    ),
    Planted(
        "z-of-all-history",
        "a z-score takes the mean of the whole history",
        "features/bars/volatility.py",
        "    return k.ratio(vol - mean, k.root(variance), floor=1e-6)",
        "    mean = np.nansum(vol, axis=0) / np.maximum((~np.isnan(vol)).sum(axis=0), 1)\n"
        "    return k.ratio(vol - mean, k.root(variance), floor=1e-6)",
        (_AHEAD,),
    ),
    Planted(
        "deviation-of-n",
        "the sample variance divides by n",
        "features/engine/moments.py",
        "    squares /= count - 1.0\n    return np.asarray(np.maximum(squares",
        "    squares /= count\n    return np.asarray(np.maximum(squares",
        (_price("volatility_20d"),),
    ),
    Planted(
        "too-few-values",
        "two values are enough for a window of any length",
        "features/engine/kernels.py",
        "return min(window, max(2, math.ceil(share * window)))",
        "return min(window, 2)",
        (_price("volatility_20d"),),
    ),
    Planted(
        "parkinson-constant",
        "Parkinson's variance is divided by 2 ln 2",
        "features/bars/volatility.py",
        "/ (4.0 * _LN2)",
        "/ (2.0 * _LN2)",
        (_price("pk_vol_20"),),
    ),
)

_CLOCKS: Final = (
    Planted(
        "clock-statements",
        "a document of the evening is known at 18:00",
        "tables/publication.py",
        "        .then(_FLASH_LATE)",
        "        .then(era.minutes)",
        (_clock("statements"),),
    ),
    Planted(
        "clock-margin-interest",
        "weekly margin balances are known on their application date",
        "tables/publication.py",
        "Era(Anchor.SECOND_SESSION_OF_NEXT_WEEK, _at(16, 30)),",
        "Era(_SAME, _at(16, 30)),",
        (_clock("margin_interest"),),
    ),
    Planted(
        "clock-margin-alert",
        "daily margin balances are known on their application date",
        "tables/publication.py",
        '(Era(_SAME, _at(16, 30), "published_date"),)',
        "(Era(_SAME, _at(16, 30)),)",
        (_clock("margin_alert"),),
    ),
    Planted(
        "clock-short-positions",
        "a short position is known on the day it was held",
        "tables/publication.py",
        'Era(_SAME, _at(17, 30), "disclosed_date")',
        "Era(_SAME, _at(17, 30))",
        (_clock("short_positions"),),
    ),
    Planted(
        "clock-investor-types",
        "investor flows are known at the end of their week",
        "tables/publication.py",
        'Era(_SAME, _at(18), "published_date")',
        "Era(_SAME, _at(18))",
        (_clock("investor_types"),),
    ),
    Planted(
        "clock-options",
        "the option chain is known at the close of its session",
        "tables/publication.py",
        'Publication("index_options", "as options", Match.LATEST, (_NIGHT,))',
        'Publication("index_options", "as options", Match.LATEST, (_CLOSE,))',
        (
            _clock("index_options"),
            _oracle(f"{_OPTIONS}test_a_chain_is_seen_from_the_session_after"),
        ),
    ),
    Planted(
        "clock-dividends",
        "a dividend announced after 19:00 is known at half past midnight",
        "tables/publication.py",
        "otherwise=_UNKNOWN_TIME, latest=DIVIDEND_CUTOFF)",
        "otherwise=_UNKNOWN_TIME)",
        (_clock("dividends"),),
    ),
    Planted(
        "clock-valuation",
        "the valuation of a session is known at its close",
        "tables/publication.py",
        "            (_UNKNOWN_TIME,),",
        "            (_CLOSE,),",
        (_clock("valuation"),),
    ),
    Planted(
        "one-session-early",
        "every typed row is used one session before it is known",
        "features/engine/timeline.py",
        "return found - len(self.past)\n",
        "return found - len(self.past) - 1\n",
        (
            _oracle(
                "features/engine/test_timeline.py::test_the_latest_known_value_is_that_of_the_one_join"
            ),
        ),
    ),
)

_SOURCES: Final = (
    Planted(
        "cumulated-quarter",
        "a cumulated quarter is taken as a single one",
        "features/company/quarters.py",
        "return gathered(values, self._rows(year, quarter)) - before",
        "return gathered(values, self._rows(year, quarter))",
        (_DOCUMENTS,),
    ),
    Planted(
        "ttm-of-wrong-quarters",
        "four quarters leave out last year's part up to the quarter before",
        "features/company/quarters.py",
        "part = gathered(values, self._rows(year + 1, quarter))",
        "part = gathered(values, self._rows(year + 1, np.maximum(quarter - 1, 1)))",
        (_DOCUMENTS,),
    ),
    Planted(
        "revision-of-another-year",
        "the forecast is that of the fiscal year of the newest results",
        "features/company/statements.py",
        "now, before, first = forecasts.at(d.key_target, d.asked)",
        "now, before, first = forecasts.at(d.key_now, d.asked)",
        (_DOCUMENTS,),
    ),
    Planted(
        "in-the-money",
        "volatilities are read from the contracts in the money",
        "features/derivatives/option_chain.py",
        "(put == below)",
        "(put != below)",
        (_oracle(f"{_OPTIONS}test_contracts_in_the_money_do_not_enter"),),
    ),
    Planted(
        "put-call-inverted",
        "the put/call ratio is that of calls to puts",
        "features/derivatives/options.py",
        'log(ratio(col("io_near_put_oi"), col("io_near_call_oi")))',
        'log(ratio(col("io_near_call_oi"), col("io_near_put_oi")))',
        (_oracle(f"{_OPTIONS}test_features_equal_naive_formulas"),),
    ),
    Planted(
        "code-truncated",
        "rows find their stock by the first four characters of the code",
        "features/engine/timeline.py",
        "found = codes.cast(kinds, strict=False)",
        "short = {code[:4]: code for code in self.codes}\n"
        "        found = codes.str.slice(0, 4).replace(short).cast(kinds, strict=False)",
        (_oracle("features/engine/test_timeline.py"),),
    ),
    Planted(
        "code-truncated-in-bars",
        "stored bars have codes of four characters",
        "tables/quotes.py",
        'renamed = {"date": pl.col("event_date"),',
        'renamed = {"date": pl.col("event_date"), "code": pl.col("code").str.slice(0, 4),',
        (_oracle("tables/test_quotes.py::test_stored_form_of_quotes"),),
    ),
    Planted(
        "todays-sector",
        "the newest sector of a name is applied to its past",
        "tables/panel.py",
        '        "code",\n        "available_at",\n        pl.col("valid_from")',
        '        "code",\n        pl.col("available_at").min().over("code"),\n'
        '        pl.col("valid_from")',
        (
            _oracle(
                "tables/test_panel.py::"
                "test_dated_facts_give_the_sector_of_that_day_and_say_who_leaves"
            ),
        ),
    ),
    Planted(
        "margin-z-over-sessions",
        "the z-score of the weekly balance runs over sessions",
        "features/trading/margin.py",
        "    return shown(made, state.along(chain))",
        "    from gogooku.features.engine.moments import zscore\n\n"
        "    columns = dict(shown(made, state.along(chain)))\n"
        '    columns["margin_long_z52"] = zscore(columns["mi_long_shares"], 52)\n'
        "    return columns",
        (_oracle("features/trading/test_margin.py::test_base_column_is_the_naive_one"),),
    ),
    Planted(
        "position-never-ends",
        "a short position that nobody confirms stands for ever",
        "features/trading/short_state.py",
        "end=np.minimum(end, forgotten),",
        "end=end,",
        (
            _oracle(
                "features/engine/test_windows.py::"
                "test_a_report_nobody_confirms_is_forgotten_after_two_years"
            ),
        ),
    ),
)

_PANELS: Final = (
    Planted(
        "adjusted-backwards",
        "prices are adjusted to the newest session",
        "features/engine/compute.py",
        "return np.asarray(np.cumprod(factor, axis=0))",
        "return np.asarray(np.cumprod(factor, axis=0) / np.prod(factor, axis=0))",
        (_RAW_AHEAD,),
    ),
    Planted(
        "adjusted-the-wrong-way",
        "raw prices are multiplied by the factors of splits",
        "features/engine/compute.py",
        'name: panel.dense(name) / growth for name in ("open", "high", "low", "close")',
        'name: panel.dense(name) * growth for name in ("open", "high", "low", "close")',
        (_SPLIT,),
    ),
    Planted(
        "universe-of-survivors",
        "only names that are listed to the end are in the universe",
        "dataset/universe.py",
        "member = panel.listed()\n",
        "member = panel.listed() & panel.listed()[-1]\n",
        (_AS_BUILT, _RAW_AHEAD),
    ),
    Planted(
        "universe-on-adjusted-values",
        "the floor of the universe is tried on traded value adjusted for splits",
        "dataset/universe.py",
        'turnover = panel.dense("turnover_value")\n',
        'turnover = panel.dense("turnover_value") * np.cumprod(\n'
        '        np.nan_to_num(panel.dense("adjustment_factor"), nan=1.0), axis=0\n'
        "    )\n",
        (_SPLIT,),
    ),
    Planted(
        "rank-over-all",
        "ranks are taken over all listed names",
        "features/combined/ranks.py",
        "np.where(universe_TN == 1.0, np.round(values_TN, DECIMALS), np.nan)",
        "np.round(values_TN, DECIMALS)",
        (_oracle("features/combined/test_ranks.py::test_every_rank"),),
    ),
    Planted(
        "neighbours-of-next-month",
        "a session uses the neighbour table of the next month",
        "features/peers/neighbours.py",
        'side="right") - 1\n    if not',
        'side="right")\n    block = np.minimum(block, len(starts) - 1)\n    if not',
        (
            _law(
                "laws/test_no_look_ahead.py::"
                "test_features_universe_peers_tensors_and_scores_ignore_the_future[cut-split]"
            ),
        ),
    ),
    Planted(
        "weeks-by-position",
        "a week begins with every fifth row",
        "features/engine/compute.py",
        "starts = np.r_[True, weeks[1:] != weeks[:-1]]",
        "starts = np.arange(len(weeks)) % 5 == 0",
        (_SPLIT,),
    ),
    Planted(
        "own-peer",
        "a name is a peer of itself",
        "features/peers/peer_graph.py",
        "        close[np.arange(size), np.arange(first, rows.stop)] = -np.inf\n",
        "",
        (_oracle(f"{_PEERS}test_columns_equal_loops"),),
    ),
)

_DATASET: Final = (
    Planted(
        "label-from-todays-close",
        "the label starts at today's close",
        "dataset/labels.py",
        "entry = inputs.open_TN[1 : last + 1]",
        "entry = inputs.close_TN[:last]",
        (_oracle(f"{_LABELS}test_next_open_to_the_open_h_sessions_later"),),
    ),
    Planted(
        "delisted-dropped",
        "names that are delisted before the exit have no label",
        "dataset/labels.py",
        "kind = np.where(gone, _CODE[Outcome.DELISTED], kind)",
        "kind = np.where(gone, _CODE[Outcome.NO_ENTRY], kind)",
        (_AS_BUILT, _oracle(f"{_LABELS}test_a_delisted_name_gets_its_terminal_close")),
    ),
    Planted(
        "locked-a-day-late",
        "the mask of locked limits looks at today instead of the entry",
        "dataset/labels.py",
        "locked = (inputs.limit_up_TN[1:] == 1.0)",
        "locked = (inputs.limit_up_TN[:-1] == 1.0)",
        (_oracle(f"{_LABELS}test_locked_at_the_limit_cannot_be_bought"),),
    ),
    Planted(
        "open-labels-of-a-newer-version",
        "what is open in a version is read from the file that a newer one wrote to",
        "dataset/label_files.py",
        "rows = file.overlaid(self.settled, self.sessions, own)",
        "rows = file.rows(self.sessions)",
        (_law(f"{_LABEL_FILES}grown_labels_are_those_of_a_whole_and_change_no_older_version"),),
    ),
    Planted(
        "settled-before-the-late-exit",
        "labels count as settled at their planned exit, also where the open comes later",
        "dataset/label_files.py",
        "used = sessions + 1 + np.array(HORIZONS) + late_tNH[first:]",
        "used = sessions + 1 + np.array(HORIZONS) + 0 * late_tNH[first:]",
        (_oracle(f"{_LABEL_FILES}nothing_is_settled_that_a_halted_name_keeps_open"),),
    ),
    Planted(
        "killed-rows-stay",
        "rows that a killed growth wrote over shared ones are taken for those of the older dataset",
        "dataset/state.py",
        "after.changeable(len(held))[old.shared :] = held[old.shared :]",
        "pass",
        (
            _law(
                "dataset/test_compaction.py::"
                "test_what_a_killed_growth_wrote_over_shared_rows_is_put_back"
            ),
        ),
    ),
    Planted(
        "past-splits-forgotten",
        "a window of the history does not know the splits before it",
        "core/panel.py",
        "out[mine] = self.split_growth[found[mine]]",
        "out[mine] = 1.0",
        (_WINDOW,),
    ),
    Planted(
        "tail-forgets-splits",
        "a window of a window keeps only the splits of the first one",
        "features/engine/timeline.py",
        '"growth": np.concatenate([self.past.split_growth, before[session, n]]),',
        '"growth": np.concatenate([self.past.split_growth, np.ones(len(n))]),',
        (_WINDOW,),
    ),
    Planted(
        "age-from-the-window",
        "ages are counted from the start of the window",
        "features/engine/timeline.py",
        "since = np.append(placed.t, 0)[row]",
        "since = np.append(np.maximum(placed.t, 0), 0)[row]",
        (_WINDOW,),
    ),
    Planted(
        "arrivals-ignored",
        "a dataset is continued whatever has changed in what it was made from",
        "dataset/continuing.py",
        "return whole_rows(before, alike)",
        "return whole_rows(before, before.rows)",
        (_GROWN,),
    ),
    Planted(
        "one-session-too-many",
        "the first session that differs is taken over too",
        "tables/arrivals.py",
        "return int(np.searchsorted(sessions, days.min()))",
        "return int(np.searchsorted(sessions, days.min())) + 1",
        (_GROWN,),
    ),
    Planted(
        "z-not-clipped",
        "z-scores enter the training tensor without a bound",
        "dataset/tensors.py",
        "np.clip(values_FN[scores] / _Z_SCALE, -1.0, 1.0)",
        "values_FN[scores] / _Z_SCALE",
        (_AS_BUILT,),
    ),
    Planted(
        "stale-row",
        "the table of raw values has the values of the session before",
        "dataset/tensors.py",
        "columns.append(pa.array(values_tN[listed], from_pandas=True))",
        "values_tN = np.roll(values_tN, 1, axis=0)\n"
        "                columns.append(pa.array(values_tN[listed], from_pandas=True))",
        (_AS_BUILT,),
    ),
    Planted(
        "digest-without-values",
        "the digest of a session of the tensor hashes who is in it, not what it says",
        "dataset/digests.py",
        "return digest_of(members, x_NF[members])",
        "return digest_of(members)",
        (_audit("test_a_changed_value_in_any_part_is_found"),),
    ),
)

MISTAKES: Final[tuple[Planted, ...]] = (*_WINDOWS, *_CLOCKS, *_SOURCES, *_PANELS, *_DATASET)
"""Every one must be caught."""

_EVERYWHERE: Final = (_AHEAD, _LOOKBACK, _ONE_NAME, _RAW_AHEAD, _RAW_LOOKBACK, _AS_BUILT)

HARMLESS: Final[tuple[Planted, ...]] = (
    Planted(
        "variable-renamed",
        "a local variable has another name",
        "features/bars/price.py",
        "    filled = -day * np.sign(gap)\n    return np.clip(k.ratio(filled,",
        "    undone = -day * np.sign(gap)\n    return np.clip(k.ratio(undone,",
        (*_EVERYWHERE, _oracle("oracle/test_features_oracle.py")),
    ),
    Planted(
        "smaller-blocks",
        "correlations are made 64 names at a time instead of 128",
        "features/peers/peer_graph.py",
        "_BLOCK = 128",
        "_BLOCK = 64",
        (_oracle("features/peers/test_peers.py"),),
    ),
    Planted(
        "smaller-row-groups",
        "files of raw values have row groups of 7 sessions instead of 16",
        "dataset/tensors.py",
        "GROUP_SESSIONS = 16",
        "GROUP_SESSIONS = 7",
        (_AS_BUILT, _GROWN),
    ),
    Planted(
        "statements-swapped",
        "two statements that do not need each other change places",
        "dataset/labels.py",
        "    entry = inputs.open_TN[1 : last + 1]\n"
        "    planned = np.arange(1 + horizon, num_sessions)[:, None]\n",
        "    planned = np.arange(1 + horizon, num_sessions)[:, None]\n"
        "    entry = inputs.open_TN[1 : last + 1]\n",
        (_RAW_AHEAD, _AS_BUILT, _GROWN),
    ),
    Planted(
        "equivalent-variance",
        "Parkinson's variance in another form, equal within 1e-15",
        "features/bars/volatility.py",
        "/ (4.0 * _LN2)",
        "* (0.25 / _LN2)",
        (*_EVERYWHERE, _oracle("oracle/test_features_oracle.py")),
    ),
    Planted(
        "equivalent-sum",
        "four quarters are summed in another order",
        "features/company/quarters.py",
        "now + whole - part)",
        "whole - part + now)",
        (_STATEMENTS,),
    ),
)
"""None may be caught."""

ALL: Final = tuple(chain(MISTAKES, HARMLESS))
