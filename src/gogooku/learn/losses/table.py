"""The losses: one row each. A new one is a folder here beside, and a row."""

from __future__ import annotations

from typing import Final

from gogooku.learn.registry import LossRow

ROWS: Final = (
    LossRow(
        kind="correlation",
        meaning="One minus the session's correlation, and a squared-error anchor.",
        config="gogooku.learn.losses.correlation.config:CorrelationConfig",
        function="gogooku.learn.losses.correlation.loss:correlation_loss",
    ),
    LossRow(
        kind="mse",
        meaning="The squared error to the normal scores.",
        config="gogooku.learn.losses.mse.config:MseConfig",
        function="gogooku.learn.losses.mse.loss:mse_loss",
    ),
    LossRow(
        kind="huber",
        meaning="The squared error, linear for large errors.",
        config="gogooku.learn.losses.huber.config:HuberConfig",
        function="gogooku.learn.losses.huber.loss:huber_loss",
    ),
    LossRow(
        kind="soft_spearman",
        meaning="One minus the session's rank correlation, made smooth.",
        config="gogooku.learn.losses.soft_spearman.config:SoftSpearmanConfig",
        function="gogooku.learn.losses.soft_spearman.loss:soft_spearman_loss",
    ),
    LossRow(
        kind="list_mle",
        meaning="The likelihood of the whole order, drawn from the top.",
        config="gogooku.learn.losses.list_mle.config:ListMleConfig",
        function="gogooku.learn.losses.list_mle.loss:list_mle_loss",
    ),
    LossRow(
        kind="approx_ndcg",
        meaning="How good the first places are, made smooth.",
        config="gogooku.learn.losses.approx_ndcg.config:ApproxNdcgConfig",
        function="gogooku.learn.losses.approx_ndcg.loss:approx_ndcg_loss",
    ),
    LossRow(
        kind="rank_net",
        meaning="Which of two names is ahead, over drawn pairs.",
        config="gogooku.learn.losses.rank_net.config:RankNetConfig",
        function="gogooku.learn.losses.rank_net.loss:rank_net_loss",
    ),
)
