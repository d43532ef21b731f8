"""Settings of LightGBM; imports no LightGBM."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gogooku.learn.config import FittedConfig


class LightGBMConfig(FittedConfig):
    """Gradient-boosted trees on the last session's features and the market context.

    Attributes
    ----------
    leaves, rounds, patience : int
        Leaves per tree, most trees, trees without a better validation RankIC before stopping.
    check_every, check_sessions : int
        Trees between two looks at validation RankIC, and the most sessions of the validation part,
        evenly spread, that it is the mean of.
    learning_rate, feature_share, row_share : float
        Shrinkage; shares of features and of rows drawn for each tree.
    min_leaf_share : float
        Fewest rows in a leaf, as a share of the training rows.
    l2 : float
        L2 penalty on leaf values.
    max_rows : int
        Rows trained on; more are thinned at random, evenly over sessions.
    """

    kind: Literal["lightgbm"] = "lightgbm"
    leaves: int = Field(default=15, ge=2)
    rounds: int = Field(default=900, ge=1)
    patience: int = Field(default=100, ge=1)
    check_every: int = Field(default=20, ge=1)
    check_sessions: int = Field(default=120, ge=1)
    learning_rate: float = Field(default=0.03, gt=0.0)
    feature_share: float = Field(default=0.1, gt=0.0, le=1.0)
    row_share: float = Field(default=0.7, gt=0.0, le=1.0)
    min_leaf_share: float = Field(default=0.002, gt=0.0, lt=0.5)
    l2: float = Field(default=10.0, ge=0.0)
    max_rows: int = Field(default=600_000, ge=1_000)
