"""Checks of a network's training: rates, weights and parts, and what its curves say."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import Any, Final

from gogooku.runs.diagnose.facts import Facts, Fit, over_parts
from gogooku.runs.diagnose.findings import Fault, Finding

LARGEST_UPDATE: Final = 0.1
"""Mean step of the middle part of a network, as a share of its weights, in its worst epoch. About
0.001 to 0.01 is usual; at 0.1 ten steps make the weights anew."""
LOSS_JUMP: Final = 1.2
"""Mean loss of an epoch over that of the one before; a loss that is learned from falls."""
SHORTEST_PATH: Final = 0.05
"""Length of all steps together, as a share of the weights: less, and they are as they began."""
LOSS_FALL: Final = 0.05
"""Share of the loss that a training takes off at least, where its steps are long enough."""
LEAST_MOVED: Final = 0.01
"""Share of the scores' spread that they move by when a part is left out; below it no rank of note
changes."""
LEAST_AGREEMENT: Final = 0.5
"""Rank correlation of scores in training mode, dropout apart, with those in evaluation mode."""
RISE: Final = 0.05
"""Share of RankIC gained in the later half of the epochs from which a curve is said to rise."""
LEAST_RISE: Final = 0.003
"""And the RankIC that it gains at least; smaller differences are noise over 100 sessions."""
NEAR: Final = 0.25
"""RankIC on train dates is near that of validation when it is above it by this share at most."""
STRONG_DROPOUT: Final = 0.3
"""Share of units dropped that can keep a network from learning what is there."""
FAR: Final = 2.0
"""RankIC on train dates over that of validation, above which more was learned by heart."""
FALL: Final = 0.1
"""Share of its best RankIC that validation loses until the last epoch, when it is said to fall."""
FEWEST_ROWS: Final = 1.0
"""Train rows for each weight of a network."""


def middle_updates(fit: Fit) -> list[float]:
    """Of every epoch, the mean step of the middle part as a share of its weights."""
    reported = [list(over_parts(one, "update")) for one in fit.epochs]
    return [statistics.median(one) for one in reported if one]


def rate_high(facts: Facts, fit: Fit) -> Finding | None:
    """Whether steps move the weights too far, or the loss jumps."""
    updates, losses = middle_updates(fit), [float(one["loss"]) for one in fit.epochs]
    jump = max(_jumps(fit), default=1.0)
    update = max(updates, default=0.0)
    if update <= LARGEST_UPDATE and jump <= LOSS_JUMP:
        return None
    rate = float(_training(fit)["learning_rate"])
    tried = rate * min(0.01 / update if update else 1.0, 0.3)
    turns = _turns(fit.valid_curve)
    return Finding(
        fault=Fault.RATE_HIGH,
        what=(
            f"learning rate {rate:.3g} is too high: a step moves the middle part of the network by "
            f"{update:.2g} of its weights (usual: 0.001 to 0.01), the loss rose to {jump:.2f} "
            f"times that of the epoch before at worst, and validation RankIC turned {turns} times "
            f"in {len(fit.epochs)} epochs"
        ),
        evidence={
            "learning_rate": rate,
            "largest_update": update,
            "loss": losses,
            "loss_max": [one.get("loss_max") for one in fit.epochs],
            "validation_rank_ic": fit.valid_curve,
        },
        next_step=facts.command(fit, training__learning_rate=tried),
    )


def _jumps(fit: Fit) -> list[float]:
    """Mean loss of each epoch over that of the one before, within one phase of the training."""
    return [
        float(b["loss"]) / float(a["loss"])
        for a, b in itertools.pairwise(fit.epochs)
        if float(a["loss"]) > 0 and a.get("phase") == b.get("phase")
    ]


def _turns(curve: Sequence[float]) -> int:
    """How often a curve goes from up to down or back by more than noise."""
    steps = [b - a for a, b in itertools.pairwise(curve) if abs(b - a) > LEAST_RISE]
    return sum(a * b < 0 for a, b in itertools.pairwise(steps))


def rate_low(facts: Facts, fit: Fit) -> Finding | None:
    """Whether steps hardly move the weights, and the loss does not fall."""
    updates = middle_updates(fit)
    if not updates or len(updates) < len(fit.epochs):
        return None
    path = sum(
        float(one["steps"]) * update for one, update in zip(fit.epochs, updates, strict=True)
    )
    first, last = float(fit.epochs[0]["loss"]), float(fit.epochs[-1]["loss"])
    fall = 1.0 - last / first if first > 0 else 0.0
    if path >= SHORTEST_PATH or fall >= LOSS_FALL:
        return None
    rate = float(_training(fit)["learning_rate"])
    return Finding(
        fault=Fault.RATE_LOW,
        what=(
            f"learning rate {rate:.3g} is too low: all steps together moved the middle part of the "
            f"network by {path:.2g} of its weights, and the loss went from {first:.4f} to "
            f"{last:.4f}"
        ),
        evidence={
            "learning_rate": rate,
            "updates": updates,
            "path": path,
            "loss_first": first,
            "loss_last": last,
            "validation_rank_ic": fit.valid_curve,
        },
        next_step=facts.command(
            fit, training__learning_rate=rate * min(1e3, max(10.0, 0.3 / max(path, 1e-6)))
        ),
    )


def modes(facts: Facts, fit: Fit) -> Finding | None:
    """Whether the kept weights give other scores in training than in evaluation mode."""
    found = fit.last("examined")
    agreement = float(found.get("agreement", 1.0))
    if agreement >= LEAST_AGREEMENT:
        return None
    del facts
    return Finding(
        fault=Fault.MISMATCH,
        what=(
            f"scores in training mode, without dropout, are not those of evaluation mode: their "
            f"mean rank correlation is {agreement:.2f} over {found['sessions']} validation sessions"
        ),
        evidence={"rank_correlation": agreement, "sessions": found["sessions"]},
        next_step=(
            "what differs by mode beside dropout is learned from and then not used: look for "
            "normalisation over the batch, or for a branch on self.training, in "
            f"the network {fit.config.kind}"
        ),
    )


def unreached(facts: Facts, fit: Fit) -> Finding | None:
    """Whether there are weights that the gradient does not reach."""
    reported = (
        fit.epochs[-1] if fit.epochs and "unreached" in fit.epochs[-1] else fit.last("gradients")
    )
    names = list(reported.get("unreached", ()))
    if not names:
        return None
    first = set(fit.last("gradients").get("unreached", ()))
    parts = list(dict.fromkeys(name.partition(".")[0] for name in names))
    when = "from the first step" if first >= set(names) else "at the end of the training"
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    off = fit.last("examined").get("off", {})
    settings = [off[part] for part in parts if part in off]
    return Finding(
        fault=Fault.UNREACHED,
        what=f"{len(names)} groups of weights are out of the loss's reach {when}: {shown}",
        evidence={"unreached": names, "parts": parts, "from_the_first_step": sorted(first)},
        next_step=(
            f"leave the part out: {_leaving_out(facts, fit, settings)}"
            if settings
            else f"connect {', '.join(parts)} to a score in the network {fit.config.kind}, or "
            "take the weights away"
        ),
        where=", ".join(parts),
    )


def _leaving_out(facts: Facts, fit: Fit, settings: Sequence[str]) -> str:
    """The command that leaves parts out, from what the network says leaves each out."""
    given: dict[str, Any] = {}
    for one in settings:
        path, _, value = one.partition("=")
        given[path] = {"true": True, "false": False}.get(value, value)
    return facts.command(fit, **given)


def dead_parts(facts: Facts, fit: Fit) -> list[Finding]:
    """Parts that leave the scores as they are."""
    reported = fit.last("examined")
    opened = fit.epochs[-1].get("gates", {}) if fit.epochs else {}
    found = []
    for part, one in reported.get("without", {}).items():
        moved = float(one["moved"])
        if moved >= LEAST_MOVED:
            continue
        gate = opened.get(part)
        by_gate = "" if gate is None else f", its gate is open by {gate:.3f}"
        setting = reported["off"].get(part)
        found.append(
            Finding(
                fault=Fault.DEAD_PART,
                what=(
                    f"{part} does nothing: without it scores move by {moved:.2%} of their spread"
                    f"{by_gate}"
                ),
                evidence={
                    "moved": moved,
                    "gate": gate,
                    "rank_ic": reported["rank_ic"],
                    "rank_ic_without": one["rank_ic"],
                    "sessions": reported["sessions"],
                },
                next_step=(
                    f"leave it out: {_leaving_out(facts, fit, [setting])}"
                    if setting
                    else f"take {part} out of the network {fit.config.kind}, or let it begin open"
                ),
                where=part,
            )
        )
    return found


def rises(curve: Sequence[float]) -> bool:
    """Whether a curve still rises over the later half of its epochs."""
    if len(curve) < 2:
        return False
    gained = curve[-1] - curve[(len(curve) - 1) // 2]
    return gained > max(LEAST_RISE, RISE * abs(curve[-1]))


def over_regularised(facts: Facts, fit: Fit) -> Finding | None:
    """Whether dropout keeps a network from what is there to be learned."""
    train, valid = fit.train_curve, fit.valid_curve
    dropped = {p: v for p, v in fit.settings("dropout").items() if v and v >= STRONG_DROPOUT}
    if not (train and valid and dropped and rises(train) and rises(valid)):
        return None
    if train[-1] > valid[-1] + NEAR * abs(valid[-1]):
        return None
    epochs = int(_training(fit)["max_epochs"])
    given = {path.replace(".", "__"): value / 3 for path, value in dropped.items()}
    shown = ", ".join(f"{path} {value:g}" for path, value in dropped.items())
    return Finding(
        fault=Fault.OVER_REGULARISED,
        what=(
            f"over-regularised: after {len(train)} epochs RankIC is {train[-1]:.3f} on train and "
            f"{valid[-1]:.3f} on validation dates, and both still rise (by "
            f"{_gain(train):.3f} and {_gain(valid):.3f} in the later half), with {shown}"
        ),
        evidence={"train_rank_ic": train, "validation_rank_ic": valid, **dropped},
        next_step=facts.command(fit, **given, training__max_epochs=2 * epochs),
    )


def _gain(curve: Sequence[float]) -> float:
    return curve[-1] - curve[(len(curve) - 1) // 2]


def overfit(facts: Facts, fit: Fit) -> Finding | None:
    """Whether more was learned by heart with every epoch."""
    train, valid = fit.train_curve, fit.valid_curve
    if len(valid) < 2 or not train:
        return None
    best = max(valid)
    lost = best - valid[-1]
    if train[-1] < FAR * max(valid[-1], LEAST_RISE) or lost < max(LEAST_RISE, FALL * best):
        return None
    dropped = {
        path.replace(".", "__"): min(0.5, max(0.3, 2 * value))
        for path, value in fit.settings("dropout").items()
    }
    return Finding(
        fault=Fault.OVERFIT,
        what=(
            f"overfit: RankIC on train dates went to {train[-1]:.3f} while that of validation "
            f"fell from {best:.3f} (epoch {valid.index(best) + 1}) to {valid[-1]:.3f} in "
            f"{len(valid)} epochs; kept is epoch {fit.kept}"
        ),
        evidence={"train_rank_ic": train, "validation_rank_ic": valid, "kept_epoch": fit.kept},
        next_step=(
            "more dropout, a smaller width or more sessions: "
            f"{facts.command(fit, **(dropped or {'training__weight_decay': 1.0}))}"
        ),
    )


def cap(facts: Facts, fit: Fit) -> Finding | None:
    """Whether training was stopped by its number of epochs while it got better.

    Phases have a number of epochs each, and what the next one does is not known: nothing is said.
    """
    if fit.again or not fit.valid_curve or any("phase" in one for one in fit.epochs):
        return None
    allowed, valid = int(_training(fit)["max_epochs"]), fit.valid_curve
    if fit.kept < allowed or (len(valid) > 1 and not rises(valid)):
        return None
    gained = f"RankIC rose by {_gain(valid):.3f} in the later half" if len(valid) > 1 else "alone"
    return Finding(
        fault=Fault.CAP,
        what=(
            f"the last epoch allowed is the best: {fit.kept} of {allowed} epochs were kept, "
            f"validation {gained}, to {valid[-1]:.3f}"
        ),
        evidence={"kept_epoch": fit.kept, "max_epochs": allowed, "validation_rank_ic": valid},
        next_step=facts.command(fit, training__max_epochs=max(4, 2 * allowed)),
    )


def memory(facts: Facts, fit: Fit) -> Finding | None:
    """Whether steps were cut into parts because memory ran out."""
    reported = fit.all("memory")
    if not reported:
        return None
    asked = int(_training(fit)["days_per_batch"])
    left = min(int(one["together"]) for one in reported)
    steps = [int(one["step"]) for one in reported]
    share = float(_training(fit)["row_share"])
    return Finding(
        fault=Fault.STARVED_OF_MEMORY,
        what=(
            f"starved of memory: it ran out {len(reported)} times (first at step {steps[0]:,}), "
            f"and steps of {asked} sessions were taken in parts of {left}, which takes longer"
        ),
        evidence={"events": len(reported), "steps": steps, "together": left},
        next_step=(
            f"train on fewer names at once: {facts.command(fit, training__row_share=share / 2)}"
        ),
    )


def few_rows(facts: Facts, fit: Fit) -> Finding | None:
    """Whether a network has more weights than rows to fit them on."""
    weights = int(fit.last("model").get("parameters", 0))
    if fit.facts is None or not weights:
        return None
    rows = fit.facts.train_rows
    if rows >= FEWEST_ROWS * weights:
        return None
    return Finding(
        fault=Fault.STARVED_OF_DATA,
        what=f"starved of data: {rows:,} train rows (names times sessions) for {weights:,} weights",
        evidence={"train_rows": rows, "weights": weights},
        next_step=(
            "import or sync more sessions, choose a smaller network, or fit trees on so few rows: "
            f"gogooku train lightgbm --dataset {facts.run.dataset_name}"
        ),
        where="weights",
    )


def not_learning(facts: Facts, fit: Fit) -> Finding | None:
    """Whether a feature knows more alone than the whole network does."""
    if fit.facts is None or not fit.train_curve or not fit.valid_curve:
        return None
    found = fit.facts.related
    if not found.is_there or fit.facts.has_skill:
        return None
    seen = float(fit.epochs[-1]["train_rank_ic"].get(str(found.horizon), 0.0))
    if seen >= 0.5 * abs(found.measure.value):
        return None
    turned = seen < -0.5 * abs(found.measure.value)
    return Finding(
        fault=Fault.NOT_LEARNING,
        what=(
            f"the network does not learn{', it learns the opposite' if turned else ''}: "
            f"{found.feature} alone has a RankIC of {abs(found.measure.value):.3f} at horizon "
            f"{found.horizon} on train dates ({abs(found.measure.t):.1f} errors), the scores have "
            f"{seen:.3f}, and no skill on validation dates"
        ),
        evidence={
            "feature": found.feature,
            "horizon": found.horizon,
            "feature_rank_ic": found.measure.value,
            "train_rank_ic": seen,
            "validation_rank_ic": {str(h): m.value for h, m in fit.facts.valid.items()},
        },
        next_step=(
            f"look at the loss ({_training(fit)['loss']['kind']}"
            f"{': its sign' if turned else ''}), and begin from the usual settings: gogooku train "
            f"{fit.config.kind.replace('_', '-')} --dataset {facts.run.dataset_name}"
        ),
    )


def _training(fit: Fit) -> dict[str, Any]:
    """Settings of the training loop."""
    found: dict[str, Any] = fit.config.model_dump(mode="json")["training"]
    return found
