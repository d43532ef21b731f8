"""A network and a loss outside the package, and the row of each."""

from gogooku.learn.registry import LossRow, network_row

TOY_LEARNER = network_row(
    kind="toy_linear",
    meaning="A linear map of the last session.",
    config="support.toy.config:ToyConfig",
    network="support.toy.network:ToyLinear",
)
TOY_LOSS = LossRow(
    kind="toy_squared",
    meaning="Squared error and nothing else.",
    config="support.toy.config:SquaredConfig",
    function="support.toy.loss:squared_loss",
)
