"""Packages that only some commands need: each comes with an extra of the install.

An install without extras makes data: import, sync, build, audit. A command that needs more ends
with the call of pip that brings it; nothing else of the program looks whether a package is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from gogooku.core.errors import MissingPackageError

EXTRAS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "scipy": "linear",
        "lightgbm": "trees",
        "torch": "network",
        "arch": "research",
        "cvxpy": "research",
        "skfolio": "research",
        "fastapi": "sandbox",
        "starlette": "sandbox",
        "uvicorn": "sandbox",
        "plotly": "plots",
        "optuna": "search",
        "sqlalchemy": "search",
        "ray": "ray",
        "submitit": "slurm",
    }
)
"""Extra by the module that it brings."""


def missing_package(fault: BaseException) -> MissingPackageError | None:
    """What a failed import means where an extra brings the module; None for any other fault."""
    if not isinstance(fault, ModuleNotFoundError) or fault.name is None:
        return None
    module = fault.name.partition(".")[0]
    extra = EXTRAS.get(module)
    if extra is None:
        return None
    return MissingPackageError(
        f"this needs {module}, which is not installed; run: pip install 'gogooku[{extra}]' "
        "(or 'gogooku[all]' for everything), then the same command"
    )


@contextmanager
def extra_needed() -> Iterator[None]:
    """Import what an extra brings.

    Raises
    ------
    MissingPackageError
        It is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as fault:
        missing = missing_package(fault)
        if missing is None:
            raise
        raise missing from fault
