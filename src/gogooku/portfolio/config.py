"""The settings of construction: what is held, on which side, weighted how, within which limits."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from gogooku.core.config import Config
from gogooku.core.findings import Unit
from gogooku.core.registry import VariantConfig
from gogooku.core.terms import USUAL
from gogooku.core.variants import OneOf
from gogooku.portfolio.weightings import WEIGHTINGS


class EqualConfig(VariantConfig):
    """The same weight for each chosen name."""

    kind: Literal["equal"] = "equal"


class ScoreScale(StrEnum):
    """What of a score a weight follows."""

    RANK = "rank"
    """The place among the chosen: the best of K has K parts, the last has one."""
    Z = "z"
    """The distance from the mean of the universe in standard deviations, none below it."""


class ScoreConfig(VariantConfig):
    """More weight for a better score."""

    kind: Literal["score"] = "score"
    scale: ScoreScale = ScoreScale.RANK


class HrpConfig(VariantConfig):
    """Hierarchical risk parity (Lopez de Prado 2016) of the chosen names of a side.

    Attributes
    ----------
    lookback : int
        Sessions of returns behind the covariance, which is shrunk (Ledoit and Wolf 2004).
    """

    kind: Literal["hrp"] = "hrp"
    lookback: Annotated[int, Unit("sessions")] = Field(default=250, ge=20, le=5_000)


class Measure(StrEnum):
    """The risk that an optimisation weighs against expected return."""

    VARIANCE = "variance"
    CVAR = "cvar"
    """The mean of the worst twentieth of the outcomes, as a loss."""


class OnFailure(StrEnum):
    """What happens when an optimisation has no solution."""

    ERROR = "error"
    """The backtest ends and names the session and the limit."""
    KEEP = "keep"
    """What is held stays, cut down to the limits of single names; the decision says so."""


class MeanRiskConfig(VariantConfig):
    """Expected return less trading costs less risk, at its largest within the limits.

    Attributes
    ----------
    measure : Measure
    risk_aversion : float
        What one unit of risk costs in expected return, both over ``portfolio.horizon`` sessions.
        The unit of variance is a squared return, that of CVaR a return.
    ic : float
        Correlation of scores with returns that is taken for granted: it turns scores into expected
        returns, ``ic x volatility x z`` (Grinold 1994).
    lookback : int
        Sessions of returns behind the risk; the covariance is shrunk (Ledoit and Wolf 2004).
    on_failure : OnFailure
    """

    kind: Literal["mean_risk"] = "mean_risk"
    measure: Measure = Measure.VARIANCE
    risk_aversion: float = Field(default=2.0, gt=0.0, le=1e6)
    ic: float = Field(default=0.03, gt=0.0, le=1.0)
    lookback: Annotated[int, Unit("sessions")] = Field(default=250, ge=20, le=5_000)
    on_failure: OnFailure = OnFailure.ERROR


WeightingConfig = Annotated[VariantConfig, OneOf(WEIGHTINGS)]
"""The config of any way of weighting."""


class Stance(StrEnum):
    """Which sides of the ranking are held."""

    LONG = "long"
    LONG_SHORT = "long_short"
    """The best are bought, the worst sold short, each up to ``exposure``."""
    DOLLAR_NEUTRAL = "dollar_neutral"
    """As much is sold short as is bought."""
    BETA_NEUTRAL = "beta_neutral"
    """The larger side is made smaller until the trailing beta of the whole is zero."""

    @property
    def shorts(self) -> bool:
        """Whether names are sold short."""
        return self is not Stance.LONG


class NeutralConfig(Config):
    """What is taken out of scores, so that a portfolio of the best is no bet on it.

    For risk: it does not make scores better.

    Attributes
    ----------
    sector, beta : bool
    size : bool
        Logarithm of the market capitalisation; of the mean traded value, and the decision says so,
        where the dataset has no capitalisations (`val_log_market_cap` among its features).
    """

    sector: bool = False
    beta: bool = False
    size: bool = False

    @property
    def anything(self) -> bool:
        """Whether anything is taken out."""
        return self.sector or self.beta or self.size


class LimitConfig(Config):
    """Limits beside that of one name; 0 is no limit.

    Attributes
    ----------
    turnover : float
        Largest value that a decision orders, buys and sales together, halved, as a share of equity,
        in whole lots.
        What the other limits of single names make necessary is traded anyway.
    sector : float
        Largest share of equity in one sector, on either side.
    beta : float
        Largest size of the trailing beta of the whole.
    traded_value : float
        Largest holding of a name in sessions of its mean traded value.
    """

    turnover: float = Field(default=0.0, ge=0.0, le=2.0)
    sector: float = Field(default=0.0, ge=0.0, le=1.0)
    beta: float = Field(default=0.0, ge=0.0, le=10.0)
    traded_value: Annotated[float, Unit("sessions of traded value")] = Field(
        default=0.0, ge=0.0, le=1_000.0
    )


class PortfolioConfig(Config):
    """The best names, equally weighted, if nothing else is chosen.

    Attributes
    ----------
    top_k : int
        Names held on a side.
    rebalance_every : int
        Sessions between two decisions.
    horizon : int
        Which horizon's score ranks.
    max_weight : float
        Largest share of equity in one name at the decision.
    exit_margin : int
        Ranks that a chosen name may fall below ``top_k`` before it loses its seat.
    stance : Stance
    exposure : float
        Largest share of equity on a side.
    smoothing : float
        Half-life of the mean over past scores that ranks instead of the score; 0 is none. Sessions
        with scores are counted; each session's scores are standardised first.
    neutral : NeutralConfig
        What is taken out of the scores before they rank.
    weighting : config
        How the chosen are weighted.
    limits : LimitConfig
    """

    top_k: Annotated[int, Unit("names")] = Field(default=USUAL.top_k, ge=1)
    rebalance_every: Annotated[int, Unit("sessions")] = Field(default=5, ge=1)
    horizon: Annotated[int, Unit("sessions")] = Field(default=5, ge=1)
    max_weight: float = Field(default=0.05, gt=0.0, le=1.0)
    exit_margin: Annotated[int, Unit("ranks")] = Field(default=0, ge=0)
    stance: Stance = Stance.LONG
    exposure: float = Field(default=1.0, gt=0.0, le=1.0)
    smoothing: Annotated[float, Unit("sessions")] = Field(default=0.0, ge=0.0, le=250.0)
    neutral: NeutralConfig = NeutralConfig()
    weighting: WeightingConfig = EqualConfig()
    limits: LimitConfig = LimitConfig()
