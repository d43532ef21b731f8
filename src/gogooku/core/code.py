"""Which code decides an artefact: a module and everything it imports, found by reading the imports.

A stage names its own module. What that module imports, at any depth and inside functions too, is
part of its code; what imports it is not, and neither is a module that is imported for types only.
So no list of files is kept by hand, and a change elsewhere moves no key.

A registered variant may come from another package; its module is named like any other, and its
imports are followed within that package and into this one.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from gogooku.core.errors import DataError
from gogooku.core.files import hash_parts

PACKAGE = "gogooku"
_ROOT = Path(__file__).resolve().parents[1]


def code_hash(modules: Sequence[str]) -> str:
    """Hash of the source text of modules and of all they import of this package.

    Parameters
    ----------
    modules : sequence of str
        Dotted names; a stage gives its own ``__name__``. What is loaded by a reference
        ``module:attribute`` is given as that reference, because no import statement shows it; it
        may be of another package. The references count as they are written, too.

    Raises
    ------
    DataError
        A named module cannot be found, or has no source file.
    """
    return _hash(tuple(modules), _ROOT)


def code_of(modules: Sequence[str], *, root: Path | None = None) -> tuple[str, ...]:
    """Dotted names of modules and of all they import of this package and their own, sorted.

    Parameters
    ----------
    root : Path or None
        The folder of the package; None for the one that is running.
    """
    place = root or _ROOT
    modules = [name.partition(":")[0] for name in modules]
    for name in modules:
        if _file(name, place) is None:
            raise DataError(f"{name}: no source file is found; its code cannot be hashed")
    ours = frozenset([PACKAGE, *(_top(name) for name in modules)])
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [one for one in _imported(name, place, ours) if one not in found]
    return tuple(sorted(found))


@lru_cache(maxsize=64)
def _hash(modules: tuple[str, ...], root: Path) -> str:
    texts = {name: _text(name, root) for name in code_of(modules, root=root)}
    return hash_parts({**texts, "named": " ".join(modules)})


def _top(module: str) -> str:
    return module.partition(".")[0]


def _file(module: str, root: Path) -> Path | None:
    top, _, inner = module.partition(".")
    if top != PACKAGE:
        return _file_elsewhere(top, inner)
    return _file_below(root, inner)


@lru_cache(maxsize=1024)
def _file_elsewhere(top: str, inner: str) -> Path | None:
    """The source file of a module of another package, which is not run; None without one."""
    spec = importlib.util.find_spec(top)
    if spec is None:
        return None
    if not inner and spec.origin is not None and spec.origin.endswith(".py"):
        return Path(spec.origin)
    found = (_file_below(Path(root), inner) for root in spec.submodule_search_locations or ())
    return next((path for path in found if path is not None), None)


def _file_below(root: Path, inner: str) -> Path | None:
    place = root / inner.replace(".", "/") if inner else root
    files = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in files if path.is_file()), None)


@lru_cache(maxsize=1024)
def _text(module: str, root: Path) -> str:
    path = _file(module, root)
    assert path is not None, module
    return path.read_text(encoding="utf-8")


@lru_cache(maxsize=1024)
def _imported(module: str, root: Path, ours: frozenset[str]) -> tuple[str, ...]:
    """Modules of some packages that a module imports itself, and the packages that hold them."""
    path = _file(module, root)
    assert path is not None, module
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: dict[str, None] = {}
    for target, names in _statements(ast.parse(_text(module, root)), package):
        if _top(target) not in ours:
            continue
        for name in names:
            inner = f"{target}.{name}"
            named = inner if name and _file(inner, root) else target
            found |= dict.fromkeys(one for one in _holders(named) if _file(one, root))
    return tuple(found)


def _holders(module: str) -> Iterator[str]:
    """A module and the packages that hold it; of this package, not its face, which says nothing."""
    parts = module.split(".")
    for end in range(2 if parts[0] == PACKAGE else 1, len(parts) + 1):
        yield ".".join(parts[:end])


def _statements(tree: ast.AST, package: str) -> Iterator[tuple[str, Sequence[str]]]:
    """What a module of a package imports: a module, and the names taken from it (empty: itself).

    Only statements are looked at, wherever they are nested: an expression holds no import.
    """
    for node in _inner(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom):
            yield _absolute(node, package), [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from ((alias.name, ("",)) for alias in node.names)
        yield from _statements(node, package)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """The module that names are taken from; a dot is the package, each further dot one above."""
    if not node.level:
        return str(node.module)
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, node.module] if node.module else above)


def _inner(node: ast.AST) -> Iterator[ast.AST]:
    """Statements, handlers and cases directly inside a node."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        inner = getattr(node, part, ())
        yield from inner if isinstance(inner, list) else ()
