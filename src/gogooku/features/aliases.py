"""Earlier names of what a feature says here too: documented, not repeated.

They are those of the system before, and those of features that were removed as copies of another.

An alias means the same fact: the same quantity, or one that orders the names of a session alike (a
logarithm, a bounded form of a ratio, another unit, the other sign, less a number that all names
share). A name whose formula was wrong stands for the feature that says what it was meant to
say. Flags that are a threshold of a feature, other windows, names without a counterpart and those
that leaked are not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_PRICE: Final = {
    **{f"returns_{h}d": f"ret_prev_{h}d" for h in (1, 5, 10, 20, 60, 120)},
    **{f"log_returns_{h}d": f"ret_prev_{h}d" for h in (1, 5, 10, 20)},
    "gap_ov_prev1": "ret_overnight",
    "gap_id_prev1": "ret_intraday",
    "gap_fill_ratio_prev1": "gap_fill_ratio",
    "close_to_low": "close_location",
    "close_to_high": "close_location",
    "bb_position": "z_close_20",
    "bb_pct_b": "z_close_20",
    "bb_width": "bb_bw",
    "dist_to_200ema": "price_to_sma200",
    "atr_14": "natr_14",
    "up_streak_1d": "streak",
    "down_streak_1d": "streak",
}
_VOLATILITY: Final = {
    "realized_volatility": "pk_vol_20",
    "gk_vol_20": "rs_vol_20",
    "rv_ewm": "ewma_vol",
    "rv_ewm2": "ewma_vol",
}
_LIQUIDITY: Final = {"adv60_yen": "adv60_log", "market_cap_total": "val_log_market_cap"}
_MARKET: Final = {
    **{f"topix_ret_prev_{h}d": f"mkt_ret_{h}d" for h in (1, 5, 20)},
    "mkt_ret_1d_z": "mkt_ret_1d",
    "uni_ret_1d_z": "uni_ret_1d",
    **{f"alpha_{h}d": f"alpha_uni_{h}d" for h in (1, 5, 20)},
    "resid_vol_60d": "resid_vol_uni_60d",
    "resid_mom_60": "resid_mom_uni_60",
    "mkt_bb_pct_b": "mkt_bb_z",
    "mkt_dd_from_peak": "mkt_drawdown_252",
    "topix_overnight": "mkt_overnight",
    "topix_rsi_14": "mkt_rsi_14",
    "topix_natr14": "mkt_natr_14",
    "topix_realized_vol_20": "mkt_vol_20d",
    "topix_vol_z_252d": "mkt_vol_20d_z",
    "beta60_topix": "beta_60d",
    "rel_strength_5d": "ret_prev_5d",
    "idio_vol_ratio": "volatility_20d",
}
_SECTOR: Final = {
    "sec_ret_1d_eq_loo": "sec_ret_1d_eq",
    "sec_ret_20d_eq": "sec_mom_20",
    "idx_sector_rel_5d": "sec_ret_5d_eq",
    "idx_sector_rel_20d": "sec_mom_20",
    "z_in_sec_returns_5d": "rel_to_sec_5d",
    "turnover_5_60_vs_sec": "turnover_5_60",
    "bd_short_share_sec_excess": "bd_short_share",
}
_FLOW: Final = {
    "foreigners_net_ratio": "flow_foreign_net_ratio",
    "individuals_net_ratio": "flow_individual_net_ratio",
    "foreign_share_activity": "flow_foreign_share",
    "activity_ratio": "flow_activity_ratio",
    "activity_z": "flow_activity_z",
    "breadth_pos": "flow_breadth_pos",
    "smart_money_idx": "flow_smart_idx",
    "smart_money_mom4": "flow_smart_mom4",
    "flow_days_since": "mkt_flow_age",
    "days_since_flow": "mkt_flow_age",
    "foreign_persistence": "flow_foreign_persist_13",
}
_MARGIN: Final = {
    "margin_credit_ratio": "margin_imbalance",
    "wm_lsr": "margin_imbalance",
    "wmi_imbalance": "margin_imbalance",
    "wmi_long_short_ratio": "margin_imbalance",
    "ratio_z52": "margin_imbalance_z52",
    "long_z52": "margin_long_z52",
    "short_z52": "margin_short_z52",
    "margin_d_ratio_wow": "margin_d_imbalance_wow",
    "margin_neg_share_long": "margin_std_share_long",
    "margin_neg_share_short": "margin_std_share_short",
    "dmi_credit_ratio": "dmi_imbalance",
    "dmi_short_long_ratio": "dmi_imbalance",
    "dmi_d_ratio_1d": "dmi_d_imbalance_1d",
    "dmi_neg_share_long": "dmi_std_share_long",
    "dmi_neg_share_short": "dmi_std_share_short",
    "is_dmi_valid": "dmi_on_alert",
}
_SHORTS: Final = {
    "sector_short_share": "ss_sec33_short_share",
    "short_selling_ratio_market": "ss_mkt_short_share",
    "bd_mkt_short_share": "ss_mkt_short_share",
    "ss_mkt_short_breadth_q80": "ss_mkt_short_breadth",
    "ssp_staleness_days": "ssp_days_since",
    "days_to_cover": "ssp_days_to_cover",
}
_STATEMENTS: Final = {
    "stmt_revenue_growth": "stmt_yoy_sales",
    "yoy_eps_growth": "stmt_yoy_np",
    "stmt_profit_margin": "stmt_npm",
    "stmt_roe": "fs_roe_ttm",
    "stmt_roa": "fs_roa_ttm",
    "stmt_days_since_statement": "stmt_sessions_since_statement",
    "fs_staleness_bd": "stmt_sessions_since_statement",
    "fs_is_valid": "is_fs_valid",
    "fs_guidance_revision_flag": "stmt_imp_revision",
    "days_to_earnings": "e_days_to",
    "earnings_upcoming_1d": "e_win_pre1",
    "earnings_upcoming_3d": "e_win_pre3",
    "earnings_upcoming_5d": "e_win_pre5",
    "earnings_recent_1d": "e_win_post1",
    "earnings_recent_3d": "e_win_post3",
    "earnings_recent_5d": "e_win_post5",
    "div_ex_soon_3": "div_pre3",
}
_DERIVATIVES: Final = {
    "idxopt_iv_30d": "opt_iv_cmat_30d",
    "idxopt_iv_ts_slope": "opt_term_slope_30_60",
    "opt_ts_slope": "opt_term_slope_30_60",
    "idxopt_pc_oi_ratio": "opt_pc_oi_ratio",
    "idxopt_pc_vol_ratio": "opt_pc_vol_ratio",
    "oi_call_put_imbalance": "opt_pc_oi_ratio",
    "idxopt_days_to_sq": "days_to_sq",
    "opt_days_to_sq": "days_to_sq",
    "idxopt_iv_night_jump": "opt_night_jump",
    "idxopt_vrp_gap": "opt_vrp_20",
    "idxopt_vrp_ratio": "opt_vrp_log_20",
    "basis_close_topixf": "fut_basis_topixf",
    "basis_close_nk225f": "fut_basis_nk225f",
    "carry_per_day_topixf": "fut_carry_ann_topixf",
    "fut_oi_delta_topixf": "fut_oi_chg_1d_topixf",
    "ttm_days_topixf": "days_to_large_sq",
    "fut_days_to_sq": "days_to_large_sq",
}
_SMALL: Final = {
    "limit_up_streak": "limit_streak",
    "limit_down_streak": "limit_streak",
    "is_margin_credit": "is_borrowable",
    "listing_age_log": "listing_age",
    "days_since_split": "sessions_since_split",
    "x_bbpos_rvol5": "x_bbbreak_rvol5",
    "x_bbneg_rvol5": "x_bbbreak_rvol5",
    "is_rsi2_valid": "is_history_5",
    "is_ema20_valid": "is_history_60",
    "is_valid_ma": "is_history_60",
    "is_beta_valid": "is_history_60",
    "is_ema200_valid": "is_history_252",
}

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **_PRICE,
        **_VOLATILITY,
        **_LIQUIDITY,
        **_MARKET,
        **_SECTOR,
        **_FLOW,
        **_MARGIN,
        **_SHORTS,
        **_STATEMENTS,
        **_DERIVATIVES,
        **_SMALL,
    }
)
"""Earlier name: name here."""


def resolve(name: str) -> str:
    """Give the name here of an earlier name; any other name as it is."""
    return ALIASES.get(name, name)


def aliases_of(feature: str) -> tuple[str, ...]:
    """Earlier names that mean the feature, in their order here."""
    return tuple(old for old, new in ALIASES.items() if new == feature)
