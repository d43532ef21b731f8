"""Networks and a loss that are wrong on purpose, and the row of each."""

from gogooku.learn.registry import LossRow, network_row

BROKEN_LEARNERS = tuple(
    network_row(
        kind=f"broken_{name}",
        meaning=meaning,
        config=f"support.broken.config:{name.capitalize()}Config",
        network=f"support.broken.network:{name.capitalize()}",
    )
    for name, meaning in (
        ("mode", "In evaluation every feature is taken for its neighbour."),
        ("flat", "The features of all names are averaged before they are scored."),
        ("spare", "A layer whose result is cut off from the loss."),
    )
)
BROKEN_LOSS = LossRow(
    kind="broken_turned",
    meaning="The labels have the wrong sign.",
    config="support.broken.turned:TurnedConfig",
    function="support.broken.turned:turned_loss",
)
