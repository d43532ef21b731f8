"""Fits and folds as the checks of a diagnosis see them, made by hand."""

from dataclasses import replace

from gogooku.learn.models.atft_gat_fan.config import AtftGatFanConfig
from gogooku.runs.diagnose.facts import Fit, FoldFacts, Measure, Related

HORIZONS = (1, 5, 10, 20)

SIX_EPOCHS = {"max_epochs": 6, "row_share": 1.0}


def measures(value, error=0.01):
    return {h: Measure(value, error, 60) for h in HORIZONS}


def related(value=0.05, error=0.005):
    return Related("rsi_14", 5, Measure(value, error, 200), 4.0, 184)


def fold(**changes):
    """A healthy fold."""
    plain = FoldFacts(
        number=0,
        train_sessions=400,
        valid_sessions=100,
        train_rows=40_000,
        names=100.0,
        valid=measures(0.05),
        own_scores=dict.fromkeys(HORIZONS, 1.0),
        spread=dict.fromkeys(HORIZONS, 0.3),
        rescored=600,
        differing=0,
        largest=0.0,
        related=related(),
    )
    return replace(plain, **changes)


def epoch(number, *, train, valid, loss=1.0, update=0.003, kept=True, **more):
    by_horizon = dict.fromkeys(map(str, HORIZONS), 0.0)
    return {
        "event": "epoch",
        "epoch": number,
        "loss": loss,
        "steps": 50,
        "parts": {part: {"gradient": 0.1, "update": update} for part in ("embed", "head")},
        "unreached": [],
        "train_rank_ic": dict.fromkeys(by_horizon, train),
        "rank_ic": dict.fromkeys(by_horizon, valid),
        "gates": {"graph": 0.5},
        "kept": kept,
        **more,
    }


def examined(**changes):
    return {
        "event": "examined",
        "sessions": 8,
        "rank_ic": [0.05] * 4,
        "agreement": 0.99,
        "without": {"graph": {"moved": 0.1, "rank_ic": [0.04] * 4}},
        "off": {"graph": "graph=none"},
        **changes,
    }


def fit(*events, config=None, **changes):
    """A fit; of a healthy network of six epochs where no events are named."""
    if not events:
        curve = ((0.02, 0.02), (0.05, 0.04), (0.07, 0.05), (0.08, 0.052), (0.081, 0.052))
        events = [
            epoch(n, train=train, valid=valid, loss=1.1 - 0.02 * n)
            for n, (train, valid) in enumerate([*curve, (0.082, 0.052)], start=1)
        ]
        events = [{"event": "model", "parameters": 9_000}, *events, examined()]
    made = {
        "fold": 0,
        "again": False,
        "member": "",
        "path": "learner",
        "config": config or AtftGatFanConfig(training=SIX_EPOCHS),
        "events": tuple(events),
        "facts": fold(),
    }
    return Fit(**{**made, **changes})
