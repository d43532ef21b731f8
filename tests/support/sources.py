"""The sources of the project, parsed once for all the laws that read them."""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import gogooku

PACKAGE = Path(gogooku.__file__).parent
ROOT = PACKAGE.parents[1]


@cache
def trees(folder: Path = PACKAGE) -> Mapping[str, ast.Module]:
    """Every module under a folder that stays as it is, by its path there; nobody changes a tree."""
    return MappingProxyType(
        {
            path.relative_to(folder).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
            for path in sorted(folder.rglob("*.py"))
        }
    )
