"""What decides a key is what a stage imports, found in the sources."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import gogooku
from gogooku.core import code as codes
from gogooku.core.code import code_hash, code_of
from gogooku.core.errors import DataError

PACKAGE = Path(gogooku.__file__).parent
TRAIN = "gogooku.runs.train"


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the package that may be edited; returns the hash of modules as they are now."""
    root = tmp_path / "gogooku"
    shutil.copytree(PACKAGE, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(codes, "_ROOT", root)

    def now(*modules):
        for cached in (codes._hash, codes._text, codes._imported):
            cached.cache_clear()
        return code_hash(modules)

    yield root, now
    for cached in (codes._hash, codes._text, codes._imported):
        cached.cache_clear()


def touch(root, module):
    path = root / f"{module}.py"
    path.write_text(path.read_text() + "\n_planted = 1\n")


@pytest.mark.parametrize(
    "module",
    [
        "dataset/export/qlib",
        "evaluate/page",
        "evaluate/report",
        "evaluate/charts",
        "runs/report",
        "commands/display",
        "features/bars/price",
        "sandbox/market/market",
        "serve/app",
        "cli",
    ],
)
def test_a_change_elsewhere_moves_no_training_key(copied, module):
    root, now = copied
    before = now(TRAIN)
    touch(root, module)
    assert now(TRAIN) == before


@pytest.mark.parametrize(
    "module",
    ["runs/train", "learn/targets", "core/ranks", "dataset/reading", "evaluate/walk_forward"],
)
def test_a_change_of_what_trains_moves_the_key(copied, module):
    root, now = copied
    before = now(TRAIN)
    touch(root, module)
    assert now(TRAIN) != before


def test_a_build_hangs_on_features_and_not_on_learning(copied):
    root, now = copied
    before = now("gogooku.dataset.build")
    for elsewhere in ("learn/targets", "dataset/export/qlib", "ingest/jquants/client"):
        touch(root, elsewhere)
    assert now("gogooku.dataset.build") == before
    touch(root, "features/trading/margin")
    assert now("gogooku.dataset.build") != before


def test_typing_rows_does_not_hang_on_the_client():
    assert "gogooku.ingest.jquants.client" not in code_of(["gogooku.tables.parts"])
    assert "gogooku.tables.margin" in code_of(["gogooku.tables.parts"])


def test_imports_of_every_form_are_followed(tmp_path):
    texts = {
        "a.py": "import gogooku.b\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from gogooku import h\n",
        "b.py": "from gogooku.c import d, NAME\nimport numpy\n",
        "c/__init__.py": "NAME = 1\n",
        "c/d.py": "def f():\n    from gogooku.e import g as other\n    return other\n",
        "c/unused.py": "",
        "e.py": "def g():\n    return 1\n",
        "h.py": "",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    found = code_of(["gogooku.a"], root=tmp_path)
    assert found == ("gogooku.a", "gogooku.b", "gogooku.c", "gogooku.c.d", "gogooku.e")


@pytest.mark.parametrize("module", ["gogooku.core.nothing", "numpy", "learn"])
def test_code_that_is_not_there_is_refused(module):
    with pytest.raises(DataError, match=module):
        code_hash((module,))
