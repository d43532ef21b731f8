"""The losses: one row each. A new one is a folder here beside, and a row."""

from __future__ import annotations

from typing import Final

from gogooku.learn.registry import LossRow, Need

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
    LossRow(
        kind="sharpe",
        meaning="Mean return of the holdings over its spread, after costs.",
        config="gogooku.learn.losses.sharpe.config:SharpeConfig",
        function="gogooku.learn.losses.sharpe.loss:sharpe_loss",
        needs=(
            Need.RETURNS,
            Need.STRIP,
        ),
    ),
    LossRow(
        kind="sortino",
        meaning="Mean return of the holdings over its losses, after costs.",
        config="gogooku.learn.losses.sharpe.config:SortinoConfig",
        function="gogooku.learn.losses.sharpe.loss:sortino_loss",
        needs=(
            Need.RETURNS,
            Need.STRIP,
        ),
    ),
    LossRow(
        kind="turnover",
        meaning="How much of what is held changes from session to session.",
        config="gogooku.learn.losses.turnover.config:TurnoverConfig",
        function="gogooku.learn.losses.turnover.loss:turnover_loss",
        needs=(
            Need.STRIP,
            Need.PARTNER,
        ),
    ),
    LossRow(
        kind="decorrelation",
        meaning="How much the scores follow given features.",
        config="gogooku.learn.losses.decorrelation.config:DecorrelationConfig",
        function="gogooku.learn.losses.decorrelation.loss:decorrelation_loss",
        needs=(
            Need.FEATURES,
            Need.PARTNER,
        ),
    ),
    LossRow(
        kind="pinball",
        meaning="How far quantiles are from the labels, each side by its share.",
        config="gogooku.learn.losses.pinball.config:PinballConfig",
        function="gogooku.learn.losses.pinball.loss:pinball_loss",
        needs=(Need.QUANTILES, Need.PARTNER),
    ),
    LossRow(
        kind="combined",
        meaning="Several losses, each with a weight.",
        config="gogooku.learn.losses.combined.config:CombinedConfig",
        function="gogooku.learn.losses.combined.loss:combined_loss",
        needs=(Need.PARTS,),
    ),
)
