"""Small fits that several processes do together, as tasks."""

import json
from pathlib import Path

import torch

from gogooku.learn.network_config import PhaseConfig
from gogooku.learn.networks import NetworkLearner
from gogooku.learn.team import joined
from support.learning import fit, make_dataset, make_fold, make_labels, small_config, with_raw

STILL = {"dropout": 0.0, "context_noise": 0.0}
"""Nothing is drawn at random in a step."""
FEATURES = {"feature_dropout": 0.0}
BRIEF = {"max_epochs": 3, "patience": 3, "days_per_batch": 8}
PHASES = tuple(
    PhaseConfig(name=name, train=parts, max_epochs=2, horizon_weights=(0.4, 0.3, 0.2, 0.1))
    for name, parts in (("first", ("head", "graph")), ("all", ()))
)
CASES = {
    "plain": {**STILL, **FEATURES, "training": BRIEF},
    "thinned": {**STILL, **FEATURES, "training": {**BRIEF, "row_share": 0.6, "days_per_batch": 3}},
    "phases": {**STILL, **FEATURES, "training": {"days_per_batch": 8, "phases": PHASES}},
    "apex": {"kind": "apex_ranker", "lookback": 10, **STILL, **FEATURES, "training": BRIEF},
    "dropout": {"dropout": 0.3, "training": BRIEF},
}
EXACT = [name for name in CASES if name != "dropout"]


def case():
    dataset = with_raw(make_dataset())
    return dataset, make_labels(dataset), make_fold(dataset)


def fitted(name, processes):
    """The weights of a case and what was said."""
    events = []
    made = fit(
        NetworkLearner(small_config(**CASES[name])),
        *case(),
        processes=processes,
        events=events.append,
    )
    return made.model.state_dict(), events


def fit_all(spec):
    """Fit some cases together; each process leaves its weights in a folder."""
    folder = Path(spec["folder"])
    with joined(spec["processes"], device="cpu") as team:
        for name in spec["names"]:
            weights, events = fitted(name, team.size)
            torch.save(weights, folder / f"{name}-{team.place}.pt")
            if team.leads:
                (folder / f"{name}.json").write_text(json.dumps(events))
        return {"done": len(spec["names"])} if team.leads else {}
