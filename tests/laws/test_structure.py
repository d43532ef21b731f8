"""The shape of the sources: sizes, one home for each fact, no circles, no lists of files."""

from __future__ import annotations

import ast
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from gogooku.core.types import Feature, Role
from gogooku.features.catalogue import BASE_INPUTS, CATALOGUE
from gogooku.features.engine.combinators import col, declared, mean
from gogooku.features.engine.inputs import published
from support.sources import PACKAGE, ROOT, trees

MOST_LINES = 600
MOST_LINES_OF_A_FUNCTION = 60

Sources = Mapping[str, ast.Module]


@pytest.fixture(scope="module")
def package() -> Sources:
    return trees()


@pytest.fixture(scope="module")
def tests() -> Sources:
    """Every test and helper by its path."""
    return trees(ROOT / "tests")


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


# ------------------------------------------------------------ every module with logic has a test

_BRANCHES = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.Try,
    ast.Match,
    ast.BoolOp,
    ast.Compare,
    ast.BinOp,
    ast.AugAssign,
    ast.comprehension,
)
"""What can be wrong: a branch, a loop, a comparison or arithmetic."""

UNTESTED: Mapping[str, str] = {
    "gogooku.commands.export": "run by the tests of the commands",
    "gogooku.commands.import_prices": "run by the tests of the commands",
    "gogooku.commands.sandbox": "run by the tests of the commands",
    "gogooku.commands.train": "run by the tests of the commands",
    "gogooku.ingest.imports.parse": "run by the tests of dates, codes and numbers",
    "gogooku.features.bars.impact": "its features are held against the oracle",
    "gogooku.features.bars.liquidity": "its features are held against the oracle",
    "gogooku.features.bars.oscillators": "its features are held against the oracle",
    "gogooku.features.bars.pairs": "its features are held against the oracle",
    "gogooku.features.bars.trend": "its features are held against the oracle",
    "gogooku.features.bars.volatility": "its features are held against the oracle",
    "gogooku.features.derivatives.contracts": "run by the tests of futures and options",
    "gogooku.features.derivatives.future_chain": "run by the tests of futures",
    "gogooku.features.derivatives.option_chain": "run by the tests of options",
    "gogooku.features.engine.coverage": "run by the tests of the manifest",
    "gogooku.features.engine.own_session": "run by the tests of single tables",
    "gogooku.features.market.breadth": "its features are held against the oracle",
    "gogooku.features.market.market": "its features are held against the oracle",
    "gogooku.features.trading.short_sectors": "run by the tests of short selling",
}
"""Modules with logic that no test imports, and what runs them."""


def has_logic(tree: ast.Module) -> bool:
    """Whether a function or a method has a branch, a loop, a comparison or arithmetic."""
    return any(
        isinstance(part, _BRANCHES)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in node.body
        for part in ast.walk(statement)
    )


def imported(trees: Sources) -> set[str]:
    """Everything that modules import, by its full name."""
    found: set[str] = set()
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
    return found


def untested(package: Sources, tests: Sources) -> list[str]:
    """Modules with logic that no test imports; a package's ``__init__`` stands for no module."""
    seen = imported(tests)
    names = {_dotted(path): tree for path, tree in package.items() if "__init__" not in path}
    return sorted(name for name, tree in names.items() if has_logic(tree) and name not in seen)


def test_every_module_with_logic_is_tested_directly_or_says_why_not(
    package: Sources, tests: Sources
):
    assert untested(package, tests) == sorted(UNTESTED)


def test_a_module_without_a_test_is_found():
    package = {
        "a/__init__.py": "def f(x):\n    return x + 1",
        "a/tested.py": "def f(x):\n    return x + 1",
        "a/named.py": "class A:\n    def f(self, x):\n        return [y for y in x]",
        "a/facts.py": "SUM = 1 + 2\ndef f(x):\n    return SUM",
        "a/lost.py": "async def f(x):\n    return x if x else None",
    }
    tests = {
        "test_a.py": "from gogooku.a import named\ndef test():\n    import gogooku.a.tested",
    }
    trees = [{name: ast.parse(text) for name, text in one.items()} for one in (package, tests)]
    assert untested(*trees) == ["gogooku.a.lost"]


# ------------------------------------------------------------------- tests mirror the source

ACROSS: Mapping[str, str] = {
    "core/test_alphalens.py": "measures of one session and of two against another library",
    "dataset/test_clock.py": "the premarket clock from the join to the build",
    "features/engine/test_windows.py": "one law over every kernel and timeline",
    "ingest/imports/test_any_shape.py": "one market in any shape, from bytes to a delivery",
    "learn/test_refit.py": "one law over every kind of learner",
    "portfolio/test_against_bt.py": "a backtest beside another library's",
    "portfolio/test_ledger_laws.py": "one law over every account, fill and market",
    "sandbox/exchange/test_official_client.py": "the vendor's own client against the exchange",
    "api/test_page.py": "what the pages say in Python",
    "search/test_knobs.py": "one law over every setting of a search",
    "search/test_on_ray.py": "a search on a cluster, a node of which dies",
    "tables/test_first_visible.py": "publication, conversion and clocks against one oracle",
}
"""Tests of a package that are not about one module, and what they are about."""


def without_a_module(package: Sources, tests: Sources) -> list[str]:
    """Tests in the folder of a package whose name is that of no module there."""
    rooms = {path.split("/")[0] for path in package if "/" in path}
    found = []
    for name in tests:
        *rest, file = name.split("/")
        module = "/".join([*rest, file.removeprefix("test_")])
        if rest and rest[0] in rooms and file.startswith("test_") and module not in package:
            found.append(name)
    return sorted(found)


def test_tests_lie_where_their_module_does(package: Sources, tests: Sources):
    assert without_a_module(package, tests) == sorted(ACROSS)


def test_a_test_in_the_wrong_room_is_found():
    empty = ast.parse("")
    package = dict.fromkeys(("core/files.py", "cli.py"), empty)
    names = ("core/test_files.py", "core/test_faults.py", "laws/test_x.py", "core/conftest.py")
    assert without_a_module(package, dict.fromkeys(names, empty)) == ["core/test_faults.py"]


def begun_first(tests: Sources) -> list[str]:
    """Names of the tests that a worker takes first because they take long."""
    (names,) = (
        ast.literal_eval(node.value)
        for node in tests["conftest.py"].body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LONGEST_FIRST"
    )
    return list(names)


def test_the_longest_tests_are_called_by_their_names(tests: Sources):
    there = {name.split("/")[-1] for name in tests}
    assert [name for name in begun_first(tests) if name not in there] == []


# --------------------------------------------------------------- tests that can fail


_OWN_CHECKS = ("raises", "warns", "fail")
"""What fails a test by itself, beside ``assert`` and the assertions of other libraries."""


def _calls(node: ast.AST) -> set[str]:
    """Last names of everything that is called."""
    called = [part.func for part in ast.walk(node) if isinstance(part, ast.Call)]
    last = (getattr(func, "attr", getattr(func, "id", "")) for func in called)
    return {str(name) for name in last}


def _asserts(node: ast.AST) -> bool:
    """Whether there is an assertion of something that is not always true."""
    return any(
        isinstance(part, ast.Assert) and not isinstance(part.test, ast.Constant)
        for part in ast.walk(node)
    )


def _hides(node: ast.AST) -> bool:
    """Whether an assertion is constant, or stands in a ``try`` that goes on when it fails."""
    return any(
        (isinstance(part, ast.Assert) and isinstance(part.test, ast.Constant))
        or (isinstance(part, ast.Try) and part.handlers and any(map(_asserts, part.body)))
        for part in ast.walk(node)
    )


def checking(trees: Sources) -> set[str]:
    """Names of functions that can fail a test: they assert, or call one that does."""
    functions = [
        node
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]
    found = set(_OWN_CHECKS) | {node.name for node in functions if _asserts(node)}
    calls = [(node.name, _calls(node)) for node in functions]
    while True:
        more = {name for name, called in calls if called & found} - found
        if not more:
            return found
        found |= more


def cannot_fail(trees: Sources) -> list[str]:
    """Tests that assert nothing, that assert a constant, or whose failure is caught."""
    able = checking(trees)
    found = []
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                calls = _calls(node)
                checks = _asserts(node) or calls & able
                if _hides(node) or not (checks or any(c.startswith("assert_") for c in calls)):
                    found.append(f"{name}: {node.name}")
    return sorted(found)


def test_every_test_can_fail(tests: Sources):
    assert cannot_fail(tests) == []


def test_a_test_that_cannot_fail_is_found():
    text = """
def holds(x):
    assert x
def helper(x):
    holds(x)
def test_plain(): assert f() == 1
def test_helped(): helper(f())
def test_raises():
    with pytest.raises(ValueError): f()
def test_numbers(): np.testing.assert_allclose(f(), 1)
def test_nothing(): f()
def test_constant():
    assert f()
    assert True
def test_hidden():
    try:
        assert f()
    except AssertionError:
        pass
"""
    found = cannot_fail({"a.py": ast.parse(text)})
    assert found == ["a.py: test_constant", "a.py: test_hidden", "a.py: test_nothing"]


# ------------------------------------------------------------ features: one name, one declaration


def copies(features: Iterable[Feature]) -> list[str]:
    """Features whose values are those of an input of another name."""
    rng = np.random.default_rng(0)
    found = []
    for feature in features:
        rows = max(feature.lookback, 2)
        shape = (rows,) if feature.role is Role.MARKET else (rows, 3)
        given = {name: rng.normal(0.0, 100.0, shape) for name in feature.inputs}
        try:
            with np.errstate(all="ignore"):
                made = feature.compute(given)
        except (IndexError, ValueError):
            continue  # a market feature of names: it sums over them and copies none
        if any(name != feature.name and np.array_equal(made, given[name]) for name in given):
            found.append(feature.name)
    return found


FILLED = ["_close", "is_split_event"]
"""Equal where no close is missing, and where every name is listed: neither is a copy."""


def test_no_declaration_copies_another_column():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert copies(CATALOGUE) == FILLED


def test_a_copy_is_found():
    fields = {"unit": "ratio", "meaning": "A copy.", "group": "planted"}
    copy = declared("one", col("close"), **fields)
    own = published("two", **fields)
    assert copies([copy, own, declared("three", mean(col("close"), 2), **fields)]) == ["one"]


def test_no_feature_is_declared_twice():
    names = [feature.name for feature in CATALOGUE]
    assert len(names) == len(set(names))


def test_a_base_column_is_no_feature_of_another_declaration():
    """A name is a base column or a computed feature; both only where the column is published."""
    assert [f.name for f in CATALOGUE if f.name in BASE_INPUTS and not f.published] == []
    assert [f.name for f in CATALOGUE if f.published and f.name not in BASE_INPUTS] == []


def helpers_of_two_bodies(trees: Sources) -> dict[str, list[str]]:
    """Private functions and classes of one name in several modules, whose bodies differ."""
    homes: dict[str, dict[str, str]] = defaultdict(dict)
    for module, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.startswith("_"):
                homes[node.name][module] = _body(node)
    return {
        name: sorted(where)
        for name, where in sorted(homes.items())
        if len(where) > 1 and len(set(where.values())) > 1
    }


def _body(node: ast.FunctionDef | ast.ClassDef) -> str:
    """What a definition does, without its docstring."""
    first = node.body[0]
    told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    arguments = ast.dump(node.args) if isinstance(node, ast.FunctionDef) else ""
    return arguments + "".join(ast.dump(part) for part in node.body[told:])


def test_no_helper_of_features_has_two_bodies(package: Sources):
    features = {name: tree for name, tree in package.items() if name.startswith("features/")}
    assert len(features) > 50
    assert helpers_of_two_bodies(features) == {}


def test_a_helper_of_two_bodies_is_found():
    texts = {
        "a.py": 'def _z(x):\n    """One."""\n    return x\ndef _mean(x):\n    return x',
        "b.py": 'def _z(x):\n    """Other words."""\n    return x\ndef _mean(x):\n    return -x',
        "c.py": "def _mean(x):\n    return x",
    }
    trees = {name: ast.parse(text) for name, text in texts.items()}
    assert helpers_of_two_bodies(trees) == {"_mean": ["a.py", "b.py", "c.py"]}
