"""Plays a new user on a fresh machine who follows the pages to the letter.

    python benchmarks/newcomer.py [--folder DIR] [--only demo,install] [--output FILE.json]

Clones the repository, makes an empty environment and an empty folder of the user, and runs the
blocks of commands of README.md, docs/start.md, docs/own_data.md and docs/python.md: those pages of
the clone, so what is not committed is not played, and a block that is gone ends the play. Prints
for each step its exit code, its seconds (with CPU seconds of the processes that it waited for) and
its last lines. Exit code 1 when a step failed. It needs a package index, some 20 minutes and 6 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LAST_LINES, LIMIT_SECONDS = 3, 3_600
MACHINE = ("PIP_", "SSL_", "REQUESTS_CA", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
"""Variables that say how this machine reaches its package index; nothing else is handed on."""


class GoneError(Exception):
    """A page lacks what the newcomer wants to follow."""


@dataclass(frozen=True)
class Step:
    """What was done and how it ended."""

    name: str
    exit_code: int
    wall_seconds: float
    cpu_seconds: float
    last_lines: tuple[str, ...]


@dataclass
class Newcomer:
    """A new user: a clone, an environment and a folder of their own, and the steps so far.

    Attributes
    ----------
    folder : Path
        Everything that is made lies in it.
    programs : sequence of Path
        Folders of programs that come first on the path.
    clone : Path
        Where the pages and the sources are.
    """

    folder: Path
    clone: Path
    programs: Sequence[Path] = ()
    tell: Callable[[Step], None] = lambda _: None
    steps: list[Step] = field(default_factory=list)

    def variables(self, user: Path) -> dict[str, str]:
        """The environment of a shell: a user's folder, a path, and the way to the index."""
        python = Path(sys.base_prefix) / "bin"
        path = [*self.programs, python, Path("/usr/local/bin"), Path("/usr/bin"), Path("/bin")]
        reach = {key: text for key, text in os.environ.items() if key.startswith(MACHINE)}  # noqa: TID251
        return {
            **reach,
            "HOME": str(user),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join(map(str, path)),
        }

    def run(self, name: str, code: str, *, user: str = "user", where: Path | None = None) -> bool:
        """Run commands as one step; servers that they leave behind are stopped. Whether it went."""
        home = self.folder / user
        home.mkdir(exist_ok=True)
        said = self.folder / f"{len(self.steps):02d}.txt"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.perf_counter()
        with (
            said.open("w") as output,
            subprocess.Popen(
                # with a command behind it the last one is a child of the shell, as at a terminal
                ["bash", "-euo", "pipefail", "-c", f"{code}\nexit"],
                cwd=where or home,
                env=self.variables(home),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as shell,
        ):
            try:
                shell.wait(timeout=LIMIT_SECONDS)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(shell.pid, signal.SIGTERM)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        lines = [line.rstrip() for line in said.read_text("utf-8", "replace").splitlines()]
        last = tuple([line for line in lines if line][-LAST_LINES:])
        wall = time.perf_counter() - begun
        self.steps.append(Step(name, shell.returncode, round(wall, 1), round(cpu, 1), last))
        self.tell(self.steps[-1])
        return shell.returncode == 0


def block(page: Path, mark: str) -> str:
    """The one block of a page that has a text in it.

    Raises
    ------
    GoneError
        No block has it, or several have.
    """
    found = [code for _, code in BLOCK.findall(page.read_text("utf-8")) if mark in code]
    if len(found) != 1:
        raise GoneError(f"{page.name}: {len(found)} blocks with {mark!r}, expected one")
    return str(found[0])


def lines_of(code: str, mark: str) -> list[str]:
    """Commands of a block that have a text in them, without what is said beside them.

    Raises
    ------
    GoneError
        There is none.
    """
    found = [re.sub(r"\s+#.*", "", line) for line in code.splitlines() if mark in line]
    if not found:
        raise GoneError(f"no line with {mark!r} in: {code}")
    return found


def cells(notebook: Path) -> str:
    """Code of a notebook, as one program."""
    read = json.loads(notebook.read_text("utf-8"))
    return "\n".join("".join(c["source"]) for c in read["cells"] if c["cell_type"] == "code")


# ----------------------------------------------------------------------------- what is played


def demo(new: Newcomer) -> None:
    """README's first command, which sets itself up, and the three that it ends with."""
    (call,) = lines_of(block(new.clone / "README.md", "make demo"), "make demo")
    new.run(call, call, user="demo", where=new.clone)
    said = (new.folder / f"{len(new.steps) - 1:02d}.txt").read_text("utf-8")
    following = re.findall(r"^next:((?:\n +\S.*)+)", said, re.MULTILINE)
    if not following:
        raise GoneError("the demo ends without saying what comes next")
    for line in following[-1].strip().splitlines():
        new.run(f"as the demo says: {line.split()[1]}", line, user="demo", where=new.clone)


def install(new: Newcomer) -> None:
    """README's install, into an environment with nothing in it."""
    new.run("an empty environment", "python3 -m venv ../env")
    new.programs = [new.folder / "env" / "bin"]
    code = block(new.clone / "README.md", "gogooku --install-completion")
    new.run("install", code, where=new.clone)


def market(new: Newcomer) -> None:
    """The second way of the first ten minutes."""
    code = block(new.clone / "docs" / "start.md", "gogooku sandbox market")
    new.run("a market of one's own making", code, user="market")


def shapes(new: Newcomer) -> None:
    """Own prices in each shape that the page names, on the way that the first page shows."""
    way = block(new.clone / "docs" / "start.md", "gogooku import prices.parquet").splitlines()
    imports = block(new.clone / "docs" / "own_data.md", "gogooku import wide.csv")
    for number, line in enumerate(lines_of(imports, "gogooku import")):
        user = f"shape{number}"
        prices(new.folder / user)
        new.run(f"{line}, a ranking", "\n".join([line, *way[1:]]), user=user)
    closes = block(new.clone / "docs" / "own_data.md", "gogooku import closes.csv")
    new.run("gogooku import closes.csv, a dataset", closes, user="shape0")


def own(new: Newcomer) -> None:
    """README's block on own prices, the networks too, and the Python of the page on Python."""
    prices(new.folder / "user")
    code = block(new.clone / "README.md", "gogooku import prices.parquet")
    new.run("own prices, from import to report", code)
    read = new.clone / "docs" / "python.md"
    (new.folder / "user" / "page.py").write_text(block(read, "import gogooku as gg"), "utf-8")
    new.run("the page on Python", "python page.py")


def evening(new: Newcomer) -> None:
    """README's evening on the exchange look-alike, in a user's folder of its own."""
    code = block(new.clone / "README.md", "gogooku sandbox serve")
    for line in ("gogooku sync", "gogooku build", "gogooku evening", "gogooku serve"):
        lines_of(code, line)
    new.run("the exchange look-alike and an evening", code, user="evening")


def notebooks(new: Newcomer) -> None:
    """Every notebook, its cells in order."""
    for path in sorted((new.clone / "notebooks").glob("*.ipynb")):
        user = new.folder / path.stem
        user.mkdir()
        (user / f"{path.stem}.py").write_text(cells(path), "utf-8")
        new.run(f"notebooks/{path.name}", f"python {path.stem}.py", user=path.stem)


PLAY: Mapping[str, Callable[[Newcomer], None]] = {
    "demo": demo,
    "install": install,
    "market": market,
    "shapes": shapes,
    "own": own,
    "evening": evening,
    "notebooks": notebooks,
}


def prices(folder: Path) -> None:
    """Write the reader's prices in every shape."""
    sys.path.insert(0, str(ROOT / "tests"))
    from support.own_prices import write_prices

    folder.mkdir(exist_ok=True)
    write_prices(folder)


def table(steps: Sequence[Step]) -> Iterator[str]:
    """Lines of a table of what was played."""
    yield "| step | exit code | wall s | CPU s | last lines |"
    yield "|---|---|---|---|---|"
    for step in steps:
        last = " / ".join(line.strip().replace("|", "\\|") for line in step.last_lines)
        seconds = f"{step.wall_seconds:.1f} | {step.cpu_seconds:.1f}"
        yield f"| {step.name} | {step.exit_code} | {seconds} | {last} |"


def play(new: Newcomer, names: Sequence[str]) -> None:
    """Play the named parts in order; the install is what the others stand on."""
    for name in names:
        PLAY[name](new)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="empty or new; else a temporary one")
    parser.add_argument("--only", help=f"some of {','.join(PLAY)}, in this order")
    parser.add_argument("--output", type=Path, help="keep the steps as JSON")
    options = parser.parse_args()
    names = list(PLAY) if options.only is None else options.only.split(",")
    if unknown := [name for name in names if name not in PLAY]:
        parser.error(f"--only: {', '.join(unknown)}: not among {', '.join(PLAY)}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)

        def tell(step: Step) -> None:
            print("\n".join([*table([step])][2:]), flush=True)

        new = Newcomer(folder.resolve(), folder.resolve() / "gogooku", tell=tell)
        if new.run("git clone", f"git clone -q {ROOT} {new.clone}"):
            play(new, names)
        print("\n".join(["", *table(new.steps)]))
        if options.output:
            kept = [asdict(step) for step in new.steps]
            options.output.write_text(json.dumps(kept, indent=1, ensure_ascii=False), "utf-8")
    return max(step.exit_code != 0 for step in new.steps)


if __name__ == "__main__":
    sys.exit(main())
