from gogooku.api.dataset import Dataset as Dataset
from gogooku.api.home import Home as Home
from gogooku.api.judging import judge as judge
from gogooku.api.results import Backtest as Backtest
from gogooku.api.results import Comparison as Comparison
from gogooku.api.results import Run as Run
from gogooku.core.errors import GogookuError as GogookuError

__version__: str

__all__ = [
    "Backtest",
    "Comparison",
    "Dataset",
    "GogookuError",
    "Home",
    "Run",
    "__version__",
    "judge",
]
