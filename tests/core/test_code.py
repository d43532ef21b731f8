"""What decides a key is what a stage imports, found in the sources."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import gogooku
from gogooku.core import code as codes
from gogooku.core.code import code_hash, code_of
from gogooku.core.errors import DataError
from gogooku.core.registry import chosen_references
from gogooku.runs.named import run_named, run_names

PACKAGE = Path(gogooku.__file__).parent
TRAIN = "gogooku.runs.train"


def forget():
    for cached in (codes._hash, codes._text, codes._file_elsewhere):
        cached.cache_clear()


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package, and what its texts import: a text is read for imports once."""
    root = tmp_path_factory.mktemp("copy") / "gogooku"
    shutil.copytree(PACKAGE, root, ignore=shutil.ignore_patterns("__pycache__"))
    return root, {}


@pytest.fixture
def copied(copy, monkeypatch):
    """A copy of the package that `touch` may edit; returns the hash of modules as they are now."""
    root, known = copy
    honest = codes._imported.__wrapped__
    before = {path: path.read_bytes() for path in root.rglob("*.py")}

    def imported(module, place, ours):
        key = module, codes._text(module, place), ours
        if key not in known:
            known[key] = honest(module, place, ours)
        return known[key]

    monkeypatch.setattr(codes, "_ROOT", root)
    monkeypatch.setattr(codes, "_imported", imported)
    forget()
    yield root, lambda *modules: code_hash(modules)
    forget()
    for path, text in before.items():
        if path.read_bytes() != text:
            path.write_bytes(text)


def touch(root, module):
    path = root / f"{module}.py"
    path.write_text(path.read_text() + "\n_planted = 1\n")
    forget()


@pytest.mark.parametrize(
    "module",
    [
        "dataset/export/qlib",
        "evaluate/page",
        "evaluate/report",
        "evaluate/charts",
        "evaluate/skill",
        "portfolio/backtest",
        "runs/beside",
        "runs/judge",
        "runs/report",
        "runs/trade",
        "commands/display",
        "features/bars/price",
        "sandbox/market/market",
        "serve/site",
        "cli/program",
    ],
)
def test_a_change_elsewhere_moves_no_training_key(copied, module):
    root, now = copied
    before = now(TRAIN)
    touch(root, module)
    assert now(TRAIN) == before


def code_of_run(name):
    """Modules that the stamp of a training names."""
    return (TRAIN, *chosen_references(run_named(name)))


@pytest.mark.parametrize(
    "module",
    ["runs/train", "learn/targets", "core/ranks", "dataset/reading", "evaluate/walk_forward"],
)
def test_a_change_of_what_trains_moves_the_key_of_ridge(copied, module):
    root, now = copied
    before = now(*code_of_run("ridge"))
    touch(root, module)
    assert now(*code_of_run("ridge")) != before


NETWORK = [
    "learn/losses/correlation/config",
    "learn/losses/correlation/loss",
    "learn/network_config",
    "learn/networks",
    "learn/train",
]
OWN = {
    "ridge": ["learn/models/ridge/config", "learn/models/ridge/learner"],
    "lightgbm": ["learn/models/lightgbm/config", "learn/models/lightgbm/learner"],
    "momentum": ["learn/models/single_feature/config", "learn/models/single_feature/learner"],
    "reversal": ["learn/models/single_feature/config", "learn/models/single_feature/learner"],
    "atft-gat-fan": [
        "learn/models/atft_gat_fan/config",
        "learn/models/atft_gat_fan/network",
        "learn/layers/fan",
        *NETWORK,
    ],
    "apex-ranker": [
        "learn/models/apex_ranker/config",
        "learn/models/apex_ranker/network",
        "learn/layers/patches",
        *NETWORK,
    ],
}
OWN["master"] = [
    "learn/models/master/config",
    "learn/models/master/network",
    *NETWORK,
]
OWN["blend"] = [
    "learn/models/blend/config",
    "learn/models/blend/learner",
    *OWN["lightgbm"],
    *OWN["atft-gat-fan"],
]
"""Modules of which a change moves the keys of these runs and of no other."""


@pytest.mark.parametrize("module", sorted({one for modules in OWN.values() for one in modules}))
def test_the_code_of_a_learner_moves_its_own_keys_only(copied, module):
    root, now = copied
    before = {name: now(*code_of_run(name)) for name in run_names()}
    assert set(before) == set(OWN)
    touch(root, module)
    moved = {name for name in before if now(*code_of_run(name)) != before[name]}
    assert moved == {name for name, modules in OWN.items() if module in modules}


@pytest.mark.parametrize("table", ["learn/learners", "learn/losses/table"])
def test_a_new_row_moves_no_key(copied, table):
    root, now = copied
    before = {name: now(*code_of_run(name)) for name in run_names()}
    touch(root, table)
    assert {name: now(*code_of_run(name)) for name in run_names()} == before


def test_another_part_of_the_same_module_is_another_key():
    one, other = "gogooku.core.ranks:centred_ranks", "gogooku.core.ranks:gaussian_ranks"
    assert code_of([one]) == code_of([other]) == code_of(["gogooku.core.ranks"])
    assert code_hash((one,)) != code_hash((other,))


@pytest.mark.parametrize("stage", ["judge", "trade", "report"])
def test_what_is_made_of_a_run_hangs_on_no_learner(stage):
    found = code_of([f"gogooku.runs.{stage}"])
    learning = [name for name in found if name.startswith("gogooku.learn.")]
    assert not [name for name in learning if ".models" in name or ".losses" in name], learning
    assert "gogooku.learn.network_config" not in found


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
        "b.py": "from gogooku.c import d, NAME\nimport numpy\nfrom . import f\n",
        "f.py": "",
        "c/__init__.py": "from .inner import NAME\n",
        "c/inner.py": "def g():\n    from ..i import h\n    return h\nNAME = 1\n",
        "i.py": "",
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
    assert [name.removeprefix("gogooku.") for name in found] == [
        *("a", "b", "c", "c.d", "c.inner", "e", "f", "i")
    ]


def test_a_module_of_another_package_is_followed_there_and_into_this_one(tmp_path, monkeypatch):
    texts = {
        "plugged/__init__.py": "",
        "plugged/network.py": "from .parts import layer\nfrom gogooku.learn import batches\n",
        "plugged/parts/layer.py": "import numpy\nraise RuntimeError('nobody runs this')\n",
        "plugged/unused.py": "",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    found = code_of(["plugged.network"])
    ours = [name for name in found if name.startswith("plugged")]
    assert ours == ["plugged", "plugged.network", "plugged.parts.layer"]
    assert {"gogooku.learn.batches", "gogooku.core.types"} <= set(found)
    assert not [name for name in found if name.startswith("numpy")]


@pytest.mark.parametrize("module", ["gogooku.core.nothing", "learn", "no_such.module"])
def test_code_that_is_not_there_is_refused(module):
    with pytest.raises(DataError, match=module):
        code_hash((module,))
