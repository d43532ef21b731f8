"""A whole audit of a dataset: every check in turn, then its page and its record."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from gogooku.audit.content import check_content
from gogooku.audit.copies import check_constants, check_copies
from gogooku.audit.coverage import check_coverage
from gogooku.audit.documentation import check_documentation
from gogooku.audit.drift import check_drift
from gogooku.audit.findings import Audit, Check, Checked, Finding, Limits
from gogooku.audit.leaks import check_leaks, daily_ic
from gogooku.audit.look_ahead import check_look_ahead, sample_dates
from gogooku.audit.page import render_audit
from gogooku.audit.rebuild import rebuild_of
from gogooku.audit.sample import filled_sessions, take_sample
from gogooku.audit.survival import check_survival
from gogooku.audit.views import Views
from gogooku.core.artefact import new_artefact
from gogooku.core.config import Execution
from gogooku.core.files import (
    MANIFEST_FILE,
    hash_json,
    locked,
    read_json,
    storage_errors,
    write_json,
    write_point,
)
from gogooku.core.progress import Reporter, Step
from gogooku.core.stamp import make_stamp
from gogooku.core.types import Dataset
from gogooku.dataset.home import datasets_folder, labels_of
from gogooku.ingest.source import Source, delivery, sources_folder

AUDIT_FILE = "audit.json"
PAGE_FILE = "audit.html"


def audits_folder(home: Path) -> Path:
    """Where audits live."""
    return home / "audits"


def audit(
    home: Path,
    dataset: Dataset,
    *,
    dates: int,
    seed: int,
    execution: Execution,
    reporter: Reporter,
    limits: Limits | None = None,
) -> tuple[Audit, Path]:
    """Check a dataset, and write what was found beside it as a page and as JSON.

    It is always done anew, since files may have changed since the last time: the folder, named by
    dataset, limits, dates and code, is replaced as a whole.

    Parameters
    ----------
    dates : int
        Sessions on which the values are computed again (law 3); 0 leaves that out.
    seed : int
        Seed of the choice of sessions and of the values put after them.

    Returns
    -------
    Audit, Path
        What was found, and the folder that says so.
    """
    limits = limits or Limits()
    stamp = make_stamp(
        "audit",
        config_hash=hash_json({"dates": dates, **asdict(limits)}),
        code=(__name__,),
        inputs={f"dataset {dataset.folder.name}": dataset.content_hash},
        seed=seed,
    )
    folder = audits_folder(home) / f"{dataset.folder.name}-{stamp.key}"
    # days are spread over threads, each with a thread of its own for its matrix products
    one = threadpool_limits(limits=1, user_api="blas")
    with one, new_artefact(folder) as building, _scratch(home, dataset) as scratch:
        run = _Run(dataset, limits=limits, execution=execution, reporter=reporter)
        run.look_ahead(source_of(home, dataset), scratch, dates=dates, seed=seed)
        made = run.finish()
        write_point("audit.checked")
        # the stamp is inside: a folder with one of its own is an artefact that others find by name
        record = {**made.to_json(), "limits": asdict(limits), "stamp": asdict(stamp)}
        write_json(building / AUDIT_FILE, record)
        (building / PAGE_FILE).write_text(render_audit(made, limits=limits), encoding="utf-8")
    return made, folder


def look_ahead(
    home: Path,
    dataset: Dataset,
    *,
    dates: int,
    seed: int,
    execution: Execution,
    reporter: Reporter,
    limits: Limits | None = None,
) -> Checked:
    """Law 3 alone, as `audit` checks it; nothing is kept of it."""
    with _scratch(home, dataset) as scratch:
        run = _Run(dataset, limits=limits or Limits(), execution=execution, reporter=reporter)
        run.look_ahead(source_of(home, dataset), scratch, dates=dates, seed=seed)
    nothing = Finding(check=Check.LOOK_AHEAD, what="not checked: no session has a future")
    return run.done[0] if run.done else Checked([nothing])


def kept_look_ahead(home: Path, dataset: Dataset) -> Checked | None:
    """What the last audit of a dataset's content found of look-ahead; None where none is kept."""
    wanted = {f"dataset {dataset.folder.name}": dataset.content_hash}
    paths = audits_folder(home).glob(f"{dataset.folder.name}-*/{AUDIT_FILE}")
    kept = [one for one in map(read_json, paths) if one["stamp"]["inputs"] == wanted]
    kept = [one for one in kept if one["facts"].get("look_ahead_sessions")]
    if not kept:
        return None
    last = max(kept, key=lambda one: str(one["stamp"]["made_at"]))
    ahead = [
        Finding(check=Check.LOOK_AHEAD, what=one["what"], features=tuple(one["features"]))
        for one in last["findings"]
        if one["check"] == Check.LOOK_AHEAD
    ]
    return Checked(ahead, {"look_ahead_sessions": last["facts"]["look_ahead_sessions"]})


@contextmanager
def _scratch(home: Path, dataset: Dataset) -> Iterator[Path]:
    """A folder for views of the source: it holds vendor data, so it lies and goes like a dataset.

    What a killed audit leaves there is removed by the next one, and by ``gogooku sync --forget``.
    Its name is not one that a build takes for an interrupted build of the same source.
    """
    final = datasets_folder(home) / f"{dataset.folder.name}.audit"
    folder = final.with_name(f".{final.name}.old")
    with locked(final), storage_errors(final):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def source_of(home: Path, dataset: Dataset) -> Source | None:
    """The very delivery that a dataset was built from; None where it is gone."""
    name = str(dataset.manifest["source"])
    folder = sources_folder(home) / name / str(dataset.manifest["source_version"])
    return delivery(folder) if (folder / MANIFEST_FILE).exists() else None


@dataclass
class _Run:
    """The checks of one audit, one after the other, with what they share and how long they take."""

    dataset: Dataset
    limits: Limits
    execution: Execution
    reporter: Reporter
    done: list[Checked] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def take(self, name: str, check: Callable[[Step], Checked], total: float | None = None) -> None:
        """Run one check under a progress bar."""
        with self.timed(name, total) as step:
            self.done.append(check(step))

    @contextmanager
    def timed(self, name: str, total: float | None = None) -> Iterator[Step]:
        """A progress bar whose seconds are kept."""
        begun = time.perf_counter()
        with self.reporter.step(f"audit: {name}", total=total) as step:
            yield step
        self.seconds[name] = round(time.perf_counter() - begun, 1)

    def look_ahead(self, source: Source | None, scratch: Path, *, dates: int, seed: int) -> None:
        """Law 3; that it could not be tried is a finding, too."""
        sessions = sample_dates(self.dataset, dates, rng=np.random.default_rng(seed))
        if source is None and len(sessions):
            what = (
                "not checked: the source version that the dataset was built from is gone; "
                "build again: gogooku build"
            )
            self.done.append(Checked([Finding(check=Check.LOOK_AHEAD, what=what)]))
        elif source is not None and len(sessions):
            self.take(
                "look-ahead",
                lambda step: check_look_ahead(
                    self.dataset,
                    Views(source, folder=scratch, seed=seed),
                    rebuild_of(self.dataset, execution=self.execution),
                    sessions=sessions.tolist(),
                    limits=self.limits,
                    step=step,
                ),
                total=2 * len(sessions),
            )

    def finish(self) -> Audit:
        """Everything else."""
        dataset, labels, limits = self.dataset, labels_of(self.dataset), self.limits
        with self.timed("sample"):
            sample = take_sample(dataset)
        self.take("content", lambda _: check_content(dataset, sample))
        with self.timed("daily IC", len(filled_sessions(dataset))) as step:
            daily = daily_ic(dataset, labels, threads=self.execution.threads, step=step)
        self.take("leaks", lambda _: check_leaks(daily, dataset, labels, limits=limits))
        self.take("coverage", lambda _: check_coverage(dataset, sample, limits=limits))
        self.take("drift", lambda _: check_drift(dataset, sample, limits=limits))
        self.take(
            "copies",
            lambda step: check_copies(
                dataset, sample, limits=limits, threads=self.execution.threads, step=step
            ),
            total=len(sample.days),
        )
        self.take("constants", lambda _: check_constants(dataset, sample))
        self.take("survival", lambda _: check_survival(dataset, labels))
        self.take("documentation", lambda _: check_documentation(dataset))
        return self.result(len(sample.days))

    def result(self, sampled: int) -> Audit:
        """All that was found, in the order of the checks."""
        facts: dict[str, Any] = {
            "sessions": len(self.dataset.sessions),
            "first": str(self.dataset.sessions[0]),
            "last": str(self.dataset.sessions[-1]),
            "codes": len(self.dataset.codes),
            "sampled_sessions": sampled,
        }
        tables: dict[str, pl.DataFrame] = {}
        for one in self.done:
            facts |= one.facts
            tables |= one.tables
        found = [finding for one in self.done for finding in one.findings]
        facts["findings_by_check"] = {
            str(check): sum(finding.check is check for finding in found) for check in Check
        }
        order = list(Check)
        return Audit(
            dataset=self.dataset.folder.name,
            findings=tuple(sorted(found, key=lambda finding: order.index(finding.check))),
            facts={**facts, "seconds": dict(self.seconds)},
            tables=tables,
        )
