"""Bundles of small homes, and ways of breaking one thing about them and nothing else."""

import json
import shutil

import numpy as np
import polars as pl

from gogooku import pipeline
from gogooku.core.config import Execution, resolve
from gogooku.core.files import read_json, write_json
from gogooku.core.progress import SilentReporter
from gogooku.core.terms import at_exchange
from gogooku.portfolio.backtest import TradeConfig
from gogooku.releases.bundle import make_bundle, open_bundle
from gogooku.releases.candidacy import Candidacy
from gogooku.releases.gates import judge
from gogooku.releases.limits import ReleaseConfig
from gogooku.releases.scorecard import scorecard_of
from gogooku.runs.find import open_run
from support.seals import reseal

CARD = {
    "skill": {"h5.rank_ic": {"value": 0.05, "n": 250}, "h1.rank_ic": {"value": 0.02, "n": 250}},
    "money": {"portfolio.turnover": {"value": 20.0}},
    "leaks": [],
    "tries": 3,
    "deflated": 0.97,
}
"""What a healthy bundle promises."""


def bundle_of(home, name, *assignments, card=CARD, judged=False):
    """The bundle of a run, with a healthy scorecard or its own."""
    run = open_run(home, name)
    settings = resolve(ReleaseConfig(), base_name="backtest", assignments=assignments)
    settings = at_exchange(settings, run.exchange(home))
    if judged:
        trade = settings.part(TradeConfig)
        evaluation, traded = pipeline.evaluate(home, run), pipeline.backtest(home, run, trade)
        card = scorecard_of(
            run, evaluation, traded, tries=1, deflated=0.5, limits=settings.config.gates
        )
    return make_bundle(home, run, run.dataset(home), settings=settings, scorecard=card)


def verdicts_of(home, bundle, *, serving=None, shadow=False):
    """What every gate says of a bundle, by the name of the gate."""
    candidacy = Candidacy(
        home=home,
        bundle=open_bundle(home, bundle.bundle_id),
        serving=None if serving is None else open_bundle(home, serving.bundle_id),
        execution=Execution(threads=1),
        reporter=SilentReporter(),
    )
    return {one.gate: one for one in judge(candidacy, shadow=shadow)}


def refused_by(verdicts):
    return [name for name, one in verdicts.items() if one.refused]


def resealed(bundle):
    """State the run and the bundle anew, as if they had been written so."""
    reseal(bundle.folder / "run")
    reseal(bundle.folder)


def with_json(bundle, name, change):
    """Another JSON file in it: ``change`` alters what was read."""
    path = bundle.folder / name
    content = read_json(path)
    change(content)
    path.unlink()
    write_json(path, content)
    resealed(bundle)


def with_predictions(bundle, score):
    """Other kept scores: ``score`` is an expression over the table of predictions."""
    path = bundle.folder / "run" / "predictions.parquet"
    frame = pl.read_parquet(path).with_columns(score.cast(pl.Float32).alias("score"))
    path.unlink()
    frame.write_parquet(path)
    resealed(bundle)


def with_scores_of_its_checkpoints(home, bundle):
    """Kept scores of the test part as the checkpoints of the bundle now give them."""
    from gogooku.learn.checkpoint import load_checkpoint

    folder = bundle.folder / "run"
    manifest = json.loads((folder / "manifest.json").read_text())
    dataset = open_bundle(home, bundle.bundle_id).run.dataset(home)
    frame = pl.read_parquet(folder / "predictions.parquet").with_row_index("row")
    made = frame.get_column("score").to_numpy().copy()
    codes = {code: n for n, code in enumerate(dataset.codes)}
    places = {h: n for n, h in enumerate(manifest["horizons"])}
    for (fold, day), rows in frame.filter(part="test").group_by("fold", "date"):
        checkpoint = load_checkpoint(folder / f"folds/{fold}/checkpoint")
        scores = checkpoint.scores(dataset, np.array([dataset.index_of(day)]))[0]
        n = [codes[code] for code in rows.get_column("code")]
        h = [places[horizon] for horizon in rows.get_column("horizon")]
        made[rows.get_column("row").to_numpy()] = scores[n, h]
    with_predictions(bundle, pl.lit(pl.Series("made", made)))


def copied(home, bundle, name):
    """A second bundle of the same content under another id."""
    shutil.copytree(bundle.folder, bundle.folder.with_name(name))
    return open_bundle(home, name)
