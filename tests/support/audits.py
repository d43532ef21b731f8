"""Small homes with a built dataset to audit, and ways of spoiling what is stored."""

from dataclasses import replace

import numpy as np
import polars as pl

from gogooku import pipeline
from gogooku.core.calendar import Clock
from gogooku.core.config import Execution, resolve
from gogooku.core.progress import SilentReporter
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.home import datasets_folder
from gogooku.dataset.reading import read_dataset
from gogooku.dataset.state import feature_files
from gogooku.sandbox.market.market import MarketConfig
from support.seals import reseal

FEATURES = (
    "ret_prev_1d",
    "ret_prev_5d",
    "ret_prev_20d",
    "gap_magnitude_z20",
    "rsi_14",
    "volume_z_20",
    "volatility_20d",
    "amihud_20",
    "uni_ret_20d",
    "uni_vol_20",
)
MARKET = MarketConfig(
    num_stocks=48, num_sessions=300, seed=5, num_sectors=3, num_branches=0, quirk_rate=4.0
)
QUIET = SilentReporter()
ONE = Execution(threads=1)


class Anything(dict):
    """Origins of a config that no command line resolved."""

    def __missing__(self, key):
        return "test"


def build(home, source, features=FEATURES, clock=Clock.EVENING):
    config = BuildConfig(source=source, features=features, clock=clock)
    return pipeline.build(home, resolve(config, base_name="build"), execution=ONE, reporter=QUIET)


def dataset_in(home):
    (folder,) = (p.parent for p in datasets_folder(home).glob("*/manifest.json"))
    return read_dataset(folder)


def with_x(dataset, name, values_TN):
    """The dataset with another encoded feature, in memory."""
    x_TNF = np.array(dataset.x_TNF)
    x_TNF[:, :, dataset.features.index(name)] = values_TN
    return replace(dataset, x_TNF=x_TNF)


def respoil(dataset, change):
    """Write every file of stock features again, changed by ``change(frame)``."""
    for path in feature_files(dataset.folder):
        frame = change(pl.read_parquet(path))
        path.unlink()
        frame.write_parquet(path)
    reseal(dataset.folder)
    return read_dataset(dataset.folder)
