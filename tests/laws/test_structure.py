"""The shape of the sources: sizes, one home for each fact, no circles, no lists of files."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import gogooku

PACKAGE = Path(gogooku.__file__).parent
MOST_LINES = 600
MOST_LINES_OF_A_FUNCTION = 60

Sources = Mapping[str, ast.Module]


def sources(folder: Path = PACKAGE) -> dict[str, ast.Module]:
    """Every module of a package by its path."""
    found = sorted(folder.rglob("*.py"))
    return {str(path.relative_to(folder)): ast.parse(path.read_text()) for path in found}


@pytest.fixture(scope="module")
def package() -> Sources:
    return sources()


# ------------------------------------------------------------------------------------------ sizes


def long_functions(trees: Sources) -> list[str]:
    return [
        f"{name}: {node.name}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MOST_LINES_OF_A_FUNCTION
    ]


def test_no_module_is_longer_than_a_reader_holds():
    lines = {
        str(p.relative_to(PACKAGE)): len(p.read_text().splitlines()) for p in PACKAGE.rglob("*.py")
    }
    assert {name: n for name, n in lines.items() if n > MOST_LINES} == {}


def test_no_function_is_longer_than_a_screen(package: Sources):
    assert long_functions(package) == []


def test_a_long_function_is_found():
    text = "def f():\n" + "    x = 1\n" * MOST_LINES_OF_A_FUNCTION
    assert long_functions({"a.py": ast.parse(text)}) == ["a.py: f"]


# ------------------------------------------------------------------------- one home for each fact


def constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Name and value of the constants of a module; a leading underscore is no other name."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and target.id.isupper():
                yield target.id.lstrip("_"), ast.unparse(value)


def defined_twice(trees: Sources) -> dict[str, list[str]]:
    """Constants of one name and one value in several modules."""
    homes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for module, tree in trees.items():
        for constant in dict.fromkeys(constants(tree)):
            homes[constant].append(module)
    return {name: where for (name, _), where in homes.items() if len(where) > 1}


def test_no_constant_is_defined_twice(package: Sources):
    assert defined_twice(package) == {}


def test_a_constant_that_is_defined_twice_is_found():
    texts = {
        "a.py": "from typing import Final\n_WAIT: Final = 3",
        "b.py": "WAIT = 3",
        "c.py": "WAIT = 4",
    }
    assert defined_twice({n: ast.parse(t) for n, t in texts.items()}) == {"WAIT": ["a.py", "b.py"]}


# --------------------------------------------------------------------------- circles of imports


def imports(trees: Sources) -> dict[str, set[str]]:
    """Modules of the package that each module imports when it is loaded or later."""
    names = {_dotted(path): path for path in trees}
    found: dict[str, set[str]] = {}
    for path, tree in trees.items():
        wanted = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                wanted |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
        found[_dotted(path)] = {name for name in wanted if name in names} - {_dotted(path)}
    return found


def _dotted(path: str) -> str:
    return ".".join(["gogooku", *Path(path).with_suffix("").parts]).removesuffix(".__init__")


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, by way of others or directly."""
    reach: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        waiting = list(graph[start])
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += graph[name]
        reach[start] = seen
    groups = {frozenset(m for m in graph if m in reach[n] and n in reach[m]) for n in graph}
    return sorted(sorted(group) for group in groups if group)


def test_there_are_no_circles(package: Sources):
    assert circles(imports(package)) == []


def test_a_circle_is_found():
    texts = {
        "a.py": "from gogooku import b",
        "b.py": "def f():\n    import gogooku.c",
        "c.py": "from gogooku.a import x",
        "d.py": "import gogooku.a",
    }
    found = circles(imports({name: ast.parse(text) for name, text in texts.items()}))
    assert found == [["gogooku.a", "gogooku.b", "gogooku.c"]]


# ---------------------------------------------------------------- no lists of files kept by hand

_SOURCE_FILE = re.compile(r"[\w/]+\.py")


def lists_of_files(trees: Sources) -> list[str]:
    """Lists, tuples and sets that name source files: what decides a key is read from imports."""
    return [
        f"{name}:{node.lineno}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Tuple | ast.List | ast.Set)
        and any(
            isinstance(one, ast.Constant)
            and isinstance(one.value, str)
            and _SOURCE_FILE.fullmatch(one.value)
            for one in node.elts
        )
    ]


def test_no_list_of_source_files_is_kept_by_hand(package: Sources):
    assert lists_of_files(package) == []


def test_a_list_of_source_files_is_found():
    tree = ast.parse('CODE = ("core", "learn/assemble.py")')
    assert lists_of_files({"a.py": tree}) == ["a.py:1"]
