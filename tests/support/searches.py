"""Small searches on the market of the tour."""

from gogooku.core.config import Execution, resolve
from gogooku.core.space import ChoiceKnob, NumberKnob, Space, WholeKnob
from gogooku.runs.named import run_named
from gogooku.search.config import TuneConfig
from gogooku.search.search import planned

SHORT = (
    "warmup_sessions=20",
    "split.num_folds=3",
    "search.batch=2",
    "search.final_seeds=1",
    "search.finalists=2",
)
SPACE = Space(
    knobs=(
        ChoiceKnob(path="learner.train_label", options=("raw", "excess", "residual")),
        WholeKnob(path="learner.leaves", low=2, high=8),
        NumberKnob(path="learner.l2", low=0.1, high=10.0, log=True),
    )
)
"""Of LightGBM, small."""


def planner(dataset):
    """Makes plans of a search on a dataset, with more settings."""

    def made(*assignments, name="lightgbm", space=SPACE, threads=1):
        run = run_named(name, few_names=True)
        stated = {one: getattr(run, one) for one in run.model_fields_set}
        small = ("learner.rounds=4",) if name == "lightgbm" else ()
        resolved = resolve(
            TuneConfig(**stated), base_name=name, assignments=[*SHORT, *small, *assignments]
        )
        return planned(name, resolved, space, dataset, execution=Execution(threads=threads))

    return made
