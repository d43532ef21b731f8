"""What training costs at full scale, and beside Qlib's GATs and ALSTM.

    python benchmarks/training.py [--names 4400] [--sessions 2434] [--features 560] [--width 256]
        [--epoch-sessions T] [--trees] [--qlib-python QLIBENV/bin/python] [--threads 2]
        [--device cuda [--precision bfloat16] [--compiled]]

``QLIBENV`` is an environment of its own: ``python -m venv QLIBENV``, then
``QLIBENV/bin/pip install pyqlib==0.9.7 torch==2.13.0``.

A tensor of ranks is written to a temporary file (12 GiB at full scale; `--home` says where) and
read as a dataset's is. One epoch of atft-gat-fan with its default settings at
``--width`` is timed over the whole of it, or over ``--epoch-sessions`` of it; then the whole epoch
is worked out, and it says so. ``--trees`` fits LightGBM at one horizon as its defaults do. With
``--qlib-python``, samples a second of Qlib's GATs and ALSTM (their module, forward, backward and
step of their optimiser) and of ours, one after the other in turns, with the same names a session,
width, lookback and threads; ours reads all features besides. Memory is anonymous and at its peak.
On a GPU the second of two epochs is timed, and the driver says what share of it the GPU was busy.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fitting import made_up_labels
from gogooku.core.calendar import Clock, next_tokyo_sessions
from gogooku.core.types import Dataset, FitExecution, Fold, Labels, feature_hash
from gogooku.learn.models.atft_gat_fan.config import AtftGatFanConfig
from gogooku.learn.models.lightgbm.config import LightGBMConfig
from gogooku.learn.registry import make_learner
from measure import measured

WORKER = Path(__file__).with_name("qlib_training_worker.py")
HORIZONS = (1, 5, 10, 20)
RAW = ("log_return", "log_value", "abs_return")
CONTEXT, PEERS, VALID_SESSIONS, PURGE, DRAWN = 50, 12, 60, 21, 64
ROUNDS = 3
"""Turns of ours and Qlib's."""


def main() -> int:
    options = arguments()
    if options.our_rate:
        print(json.dumps(our_rate(options)))
        return 0
    with tempfile.TemporaryDirectory(dir=options.home) as folder:
        dataset = synthetic(Path(folder), options)
        labels = labels_for(dataset)
        network_epoch(dataset, labels, options)
        if options.trees:
            trees(dataset, labels, options)
    if options.qlib_python:
        against_qlib(options)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=4400)
    parser.add_argument("--sessions", type=int, default=2434)
    parser.add_argument("--features", type=int, default=560)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--epoch-sessions", type=int, help="Train sessions that are timed.")
    usual = AtftGatFanConfig().training.row_share
    parser.add_argument("--row-share", type=float, default=usual, help="Of the names, an epoch.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--trees", action="store_true")
    parser.add_argument("--qlib-python", type=Path)
    parser.add_argument("--qlib-names", type=int, default=1500)
    parser.add_argument("--our-rate", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--lookback", type=int, default=24)
    parser.add_argument("--home", type=Path)
    return parser.parse_args()


# ----------------------------------------------------------------------------------------- a world


def synthetic(folder: Path, options: argparse.Namespace) -> Dataset:
    """Ranks at random in a mapped file; a few hundred sessions' worth are drawn and repeated."""
    rng = np.random.default_rng(0)
    sessions, names, features = options.sessions, options.names, options.features
    drawn = rng.integers(0, names, (DRAWN, names, features), dtype=np.int32)
    block = (drawn / names - 0.5).astype(np.float16)
    x = np.memmap(folder / "x", np.float16, "w+", shape=(sessions, names, features))
    for t in range(sessions):
        x[t] = block[t % DRAWN]
        if t % DRAWN == DRAWN - 1:
            x.flush()
    raw = np.memmap(folder / "raw", np.float16, "w+", shape=(sessions, names, len(RAW)))
    for t in range(sessions):
        raw[t] = drawn[t % DRAWN, :, : len(RAW)] / names
    columns = ("ret_1d_uni_z", "volume_z_20", *(f"f{n}" for n in range(features - 2)))
    market = tuple(f"m{n}" for n in range(CONTEXT))
    peers = rng.integers(0, names, (sessions // 20 + 1, names, PEERS)).astype(np.int32)
    return Dataset(
        folder=folder,
        manifest={
            "clock": "evening",
            "feature_hash": feature_hash([*columns, "|", *market], Clock.EVENING),
            "content_hash": "synthetic",
        },
        sessions=next_tokyo_sessions(np.datetime64("2016-01-04").item(), sessions),
        codes=tuple(f"{n:05d}" for n in range(names)),
        features=columns,
        market_features=market,
        x_TNF=x,
        raw_channels=RAW,
        raw_TNC=raw,
        market_TM=rng.standard_normal((sessions, CONTEXT)).astype(np.float32),
        valid_TN=np.ones((sessions, names), dtype=np.bool_),
        sector_TN=np.zeros((sessions, names), dtype=np.int32),
        neighbour_BNK=peers,
        neighbour_block_T=(np.arange(sessions) // 20).astype(np.int32),
    )


def labels_for(dataset: Dataset) -> Labels:
    sessions, names, _ = dataset.x_TNF.shape
    rng = np.random.default_rng(1)
    raw = np.empty((sessions, names, len(HORIZONS)), dtype=np.float32)
    for t in range(sessions):
        raw[t] = 0.02 * rng.standard_normal((names, len(HORIZONS)))
    return made_up_labels(dataset, raw, horizons=HORIZONS)


def fold_for(dataset: Dataset, train: int) -> Fold:
    day = dataset.sessions.tolist()
    valid = len(day) - 2 * (VALID_SESSIONS + PURGE)
    test = valid + VALID_SESSIONS + PURGE
    last = valid - PURGE - 1
    return Fold(
        sessions=dataset.sessions,
        train=(day[last - train + 1], day[last]),
        valid=(day[valid], day[valid + VALID_SESSIONS - 1]),
        test=(day[test], day[-1]),
    )


# ------------------------------------------------------------------------------------------- ours


def network_config(options: argparse.Namespace, **changes: Any) -> AtftGatFanConfig:
    training = {
        "max_epochs": 1 if options.device == "cpu" else 2,
        "row_share": options.row_share,
        "precision": options.precision,
    }
    settings = {
        "hidden": options.width,
        "lookback": options.lookback,
        "dynamic_features": ("ret_1d_uni_z", "volume_z_20"),
        "training": training,
    }
    return AtftGatFanConfig.model_validate({**settings, **changes})


def network_epoch(dataset: Dataset, labels: Labels, options: argparse.Namespace) -> None:
    most = len(dataset.sessions) - 2 * (VALID_SESSIONS + PURGE) - PURGE
    train = min(options.epoch_sessions or most, most)
    found: list[dict[str, Any]] = []

    def note(event: Mapping[str, Any]) -> None:
        found.append({**event, "at": time.perf_counter()})

    with measured() as spent, gpu_busy(options.device) as busy:
        make_learner(network_config(options)).fit(
            dataset,
            labels,
            fold_for(dataset, train),
            rng=np.random.default_rng(0),
            execution=FitExecution(
                threads=options.threads,
                events=note,
                device=options.device,
                compiled=options.compiled,
            ),
        )
    epoch = [event for event in found if event["event"] == "epoch"][-1]
    begun = [event["at"] for event in found if event["event"] in ("gradients", "epoch")][-2]
    whole = epoch["train_seconds"] * len(dataset.sessions) / train
    facts = {
        "what": "one epoch of the network",
        "train_sessions": train,
        "rows": epoch["rows"],
        "seconds": round(epoch["train_seconds"], 1),
        "rows_per_second": round(epoch["rows"] / epoch["train_seconds"]),
        "whole_history_seconds": round(whole, 1),
        "worked_out": train != len(dataset.sessions),
        "fit": str(spent),
        **({} if options.device == "cpu" else gpu_facts(options, busy, begun, epoch)),
    }
    print(json.dumps(facts), flush=True)


@contextmanager
def gpu_busy(device: str) -> Iterator[list[tuple[float, int]]]:
    """When, and how busy the driver says that a GPU was, in percent; empty for the CPU."""
    samples: list[tuple[float, int]] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            samples.append((time.perf_counter(), torch.cuda.utilization()))

    thread = threading.Thread(target=watch)
    if device != "cpu":
        thread.start()
    try:
        yield samples
    finally:
        stop.set()
        if device != "cpu":
            thread.join()


def gpu_facts(
    options: argparse.Namespace, busy: list[tuple[float, int]], begun: float, epoch: dict[str, Any]
) -> dict[str, Any]:
    """What belongs to an epoch on a GPU, whose training began at a time."""
    until = begun + epoch["train_seconds"]
    shares = [share for at, share in busy if begun < at <= until]
    return {
        "gpu": torch.cuda.get_device_name(),
        "precision": options.precision,
        "compiled": options.compiled,
        "ms_per_step": round(1e3 * epoch["train_seconds"] / epoch["steps"], 2),
        "busy_percent": round(float(np.mean(shares)), 1) if shares else None,
        "gpu_gib": round(torch.cuda.max_memory_allocated() / 2**30, 1),
    }


def trees(dataset: Dataset, labels: Labels, options: argparse.Namespace) -> None:
    one = Labels(
        **{
            **{name: getattr(labels, name) for name in labels.__dataclass_fields__},
            "horizons": HORIZONS[1:2],
            **{
                name: getattr(labels, name)[..., 1:2]
                for name in ("raw_TNH", "excess_TNH", "residual_TNH", "outcome_TNH", "late_TNH")
            },
            "resolved_TH": labels.resolved_TH[:, 1:2],
        }
    )
    most = len(dataset.sessions) - 2 * (VALID_SESSIONS + PURGE) - PURGE
    config = LightGBMConfig()
    config = config.model_copy(update={"patience": config.rounds})
    with measured() as spent:
        make_learner(config).fit(
            dataset,
            one,
            fold_for(dataset, most),
            rng=np.random.default_rng(0),
            execution=FitExecution(threads=options.threads),
        )
    facts = {
        "what": "LightGBM at one horizon, all its rounds",
        "rounds": config.rounds,
        "rows": config.max_rows,
        "fit": str(spent),
    }
    print(json.dumps(facts), flush=True)


# ------------------------------------------------------------------------------------------- Qlib


def our_rate(options: argparse.Namespace) -> dict[str, float]:
    """Samples a second of our steps on sessions of ``qlib_names`` names, and the memory."""
    smaller = argparse.Namespace(**{**vars(options), "names": options.qlib_names, "sessions": 260})
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=options.home) as folder:
        dataset = synthetic(Path(folder), smaller)
        labels = labels_for(dataset)
        with measured() as spent:
            make_learner(network_config(smaller)).fit(
                dataset,
                labels,
                fold_for(dataset, 60),
                rng=np.random.default_rng(0),
                execution=FitExecution(
                    threads=options.threads, events=lambda event: found.append(dict(event))
                ),
            )
    (epoch,) = [event for event in found if event["event"] == "epoch"]
    return {
        "samples_per_second": epoch["rows"] / epoch["train_seconds"],
        "anonymous_gib": spent.anonymous_gib,
    }


def rate_of(what: list[str], options: argparse.Namespace, *, names: str) -> dict[str, Any]:
    """What a process of its own says of itself in its last line."""
    command = [
        *what,
        *(names, str(options.qlib_names), "--width", str(options.width)),
        *("--lookback", str(options.lookback), "--threads", str(options.threads)),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    facts: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return facts


def against_qlib(options: argparse.Namespace) -> None:
    ours: list[float] = []
    theirs: dict[str, list[float]] = {"gats": [], "alstm": []}
    memory: dict[str, float] = {}
    for _ in range(ROUNDS):
        facts = rate_of([sys.executable, __file__, "--our-rate"], options, names="--qlib-names")
        ours.append(facts["samples_per_second"])
        memory["ours"] = facts["anonymous_gib"]
        for model, rates in theirs.items():
            facts = rate_of(
                [str(options.qlib_python), str(WORKER), model], options, names="--names"
            )
            rates.append(facts["samples_per_second"])
            memory[model] = facts["anonymous_gib"]
    facts = {
        "what": f"samples a second, {options.qlib_names} names a session, width {options.width}, "
        f"lookback {options.lookback}, {options.threads} threads; medians of {ROUNDS} turns",
        "ours": round(float(np.median(ours))),
        **{model: round(float(np.median(rates))) for model, rates in theirs.items()},
        **{
            f"ours_over_{model}": round(float(np.median(np.divide(ours, rates))), 1)
            for model, rates in theirs.items()
        },
        "anonymous_gib": {name: round(value, 2) for name, value in memory.items()},
    }
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    sys.exit(main())
