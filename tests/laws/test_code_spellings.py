"""Law: wherever a code is taken, its four characters are enough, and another share is another.

What takes a code is found by walking the commands, what `import gogooku` offers, the pages of the
server and the settings; each must have a try here.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import typer

import gogooku as gg
from gogooku.cli import app
from gogooku.core.codes import short_code
from gogooku.core.config import Config
from gogooku.core.wall import JST, VirtualClock
from gogooku.publish.publication import TARGET, newest_publication
from gogooku.serve.fresh import Fresh
from gogooku.serve.keys import Key, KeyRing, hash_key
from gogooku.serve.publications import Desk, Followed
from support.asking import KEY, MANY, Asking
from support.cli import commands_below, done

TAKES = re.compile(r"(^|_)codes?($|_)|^tickers?$|^holdings$")
"""What a parameter is called that takes a code, codes, or a file of them."""


# ------------------------------------------------------------------------------ what takes a code


def in_commands(root: click.Command) -> set[str]:
    """Arguments and options of commands: ``gogooku why code``."""

    return {
        f"{name} {one.name}"
        for name, command in commands_below(root).items()
        for one in command.params
        if TAKES.search(str(one.name))
    }


def in_python() -> set[str]:
    """Parameters of what is public: ``Dataset.frame codes``."""
    found = set()
    for name in gg.__all__:
        public = getattr(gg, name)
        members = vars(public) if inspect.isclass(public) else {"": public}
        for member, one in members.items():
            if member.startswith("_") or not callable(one):
                continue
            taken = [each for each in inspect.signature(one).parameters if TAKES.search(each)]
            found |= {f"{name}.{member} {each}" for each in taken}
    return found


def in_settings() -> set[str]:
    """Settings of every config of the package."""
    for module in pkgutil.walk_packages(gg.__path__, "gogooku."):
        importlib.import_module(module.name)
    kinds, found = [Config], set()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if kind.__module__.startswith("gogooku."):
            found |= {f"{kind.__name__} {one}" for one in kind.model_fields if TAKES.search(one)}
    return found


def in_pages(pages: Any) -> set[str]:
    """Paths of the server: ``/names/{code}``."""
    return {one.path for one in pages if any(map(TAKES.search, re.findall(r"{(.*?)}", one.path)))}


# -------------------------------------------------------------------------------------- its tries


class World(NamedTuple):
    """A home in which ridge has published, a code that it holds, and how the server is asked."""

    home: Path
    code: str
    held: dict[str, int]
    desk: Desk
    ask: Asking


@pytest.fixture(scope="module")
def world(tour_home, tmp_path_factory) -> World:
    """The evening is told what is held by codes of four characters."""
    home = tmp_path_factory.mktemp("codes") / "home"
    shutil.copytree(tour_home, home)
    bundle = done(home, "release", "ridge", "--json").json["bundle"]
    ranked = done(home, "predict", "--run", "ridge", "--json").json
    day, code = ranked["date"], ranked["ranking"][0]["code"]
    holdings = home.with_name("holdings.csv")
    holdings.write_text(f"code,shares\n{short_code(code)},300\n", encoding="utf-8")
    evening = ("evening", "--source", "tiny", "--at", f"{day}T20:30", "--holdings", holdings)
    done(home, *evening, "--cash", 1e8, "--json")
    made = newest_publication(home, "tiny", bundle)
    held = dict(made.frame(TARGET).filter(code=code).select("code", "held").iter_rows())
    clock = VirtualClock(datetime.fromisoformat(f"{day}T21:00").replace(tzinfo=JST))
    followed = Followed(home, "tiny", clock)
    keys = Fresh.fixed(KeyRing([Key("desk", hash_key(KEY), rate=MANY)]))
    desk = Desk(Fresh(followed.mark, followed.load), keys, clock)
    return World(home, code, held, desk, Asking(desk.pages(), keys=keys, clock=clock))


def by_command(world: World, *words: str) -> list[Any]:
    """What a command says of each spelling."""
    told = [done(world.home, *words, one, "--json").json for one in spellings(world.code)]
    assert told[0]["code"] == world.code
    return told


def by_dataset(world: World, method: str) -> list[Any]:
    """Rows of a dataset by each spelling."""
    data = gg.Home(world.home).dataset()
    frames = [getattr(data, method)(codes=[one]) for one in spellings(world.code)]
    assert frames[0].height > 100
    return [one.to_dict(as_series=False) for one in frames]


def by_page(world: World) -> list[Any]:
    told = [world.ask(f"/names/{one}") for one in spellings(world.code)]
    assert [one.status_code for one in told] == [200] * len(told)
    return [one.json() for one in told]


def by_holdings(world: World) -> list[Any]:
    return [world.held, {world.code: 300}]


TRIES = {
    "gogooku why code": lambda world: by_command(world, "why", "--source", "tiny"),
    "gogooku explain code": lambda world: by_command(world, "explain", "atft-gat-fan", "--code"),
    "gogooku evening holdings": by_holdings,
    "Dataset.frame codes": lambda world: by_dataset(world, "frame"),
    "Dataset.labels codes": lambda world: by_dataset(world, "labels"),
    "Dataset.bars codes": lambda world: by_dataset(world, "bars"),
    "Dataset.to_pandas codes": lambda world: by_dataset(world, "frame"),  # what it is made from
    "/names/{code}": by_page,
}


def spellings(code: str) -> list[str]:
    """Ways to write a code of Tokyo."""
    assert short_code(code) == code[:-1]
    return [code, code[:-1], f"{code[:-1]}.T", code[:-1].lower()]


def test_whatever_takes_a_code_is_tried(world):
    taken = in_commands(typer.main.get_command(app)) | in_python() | in_settings()
    assert sorted(taken | in_pages(world.desk.pages())) == sorted(TRIES)


@pytest.mark.parametrize("taker", TRIES)
def test_four_characters_are_enough(world, taker):
    first, *others = TRIES[taker](world)
    assert first
    assert all(one == first for one in others)


def test_another_share_of_the_company_is_not_it(world):
    other = f"{world.code[:-1]}5"
    assert world.ask(f"/names/{other}").status_code == 404
    with pytest.raises(gg.GogookuError, match="1 of 1 codes are not in dataset"):
        gg.Home(world.home).dataset().frame(codes=[other])


def test_a_new_option_of_a_code_is_seen():
    program = typer.Typer()

    @program.command()
    def look(codes: list[str], old_code: str = "", decode: bool = False) -> None: ...

    @program.command()
    def nothing(top: int = 1) -> None: ...

    found = in_commands(typer.main.get_command(program))
    assert found == {"gogooku look codes", "gogooku look old_code"}
