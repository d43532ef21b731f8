"""The environment: read here and nowhere else, by the command line and the Python API alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gogooku.core.errors import UsageError


def home_folder(stated: str | None = None) -> Path:
    """Where everything is kept: what is stated, else ``GOGOOKU_HOME``, else ``~/.gogooku``.

    Raises
    ------
    UsageError
        What is stated is empty, as a variable that is not set, or as `usable_home`.
    """
    if stated is not None and not stated.strip():
        raise UsageError("--home: is empty; give a folder, or leave the option out")
    return usable_home(stated or os.environ.get("GOGOOKU_HOME") or "~/.gogooku")  # noqa: TID251


def api_keys() -> str:
    """Keys that the server of rankings takes, ``GOGOOKU_API_KEYS``; empty where there are none."""
    return os.environ.get("GOGOOKU_API_KEYS", "")  # noqa: TID251


def chosen(names: Sequence[str]) -> dict[str, str]:
    """Those of some variables that are set."""
    return {name: os.environ[name] for name in names if name in os.environ}  # noqa: TID251


def usable_home(text: str) -> Path:
    """The folder that everything is kept in, which need not be there yet.

    Raises
    ------
    UsageError
        It, or a folder above it, is a file; or there can be no folder of that name.
    """
    try:
        home = Path(text).expanduser()
        above = next(place for place in (home, *home.parents, Path()) if _is_there(place))
        is_folder = above.is_dir()
    except (OSError, RuntimeError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise UsageError(f"{text}: cannot be the home ({reason}). {_HOME_HELP}") from fault
    if not is_folder:
        raise UsageError(f"{text}: cannot be the home, {above} is no folder. {_HOME_HELP}")
    return home


def _is_there(place: Path) -> bool:
    try:
        place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


_HOME_HELP = "Set GOGOOKU_HOME, or --home, to a folder, which need not exist yet."
