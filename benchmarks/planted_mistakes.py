"""Plant mistakes in the feature and dataset code, one at a time, and see who notices.

    python benchmarks/planted_mistakes.py [--only NAME] [--list] [--json] [--write] [--tree DIR]

The sources and tests are copied once into a temporary folder; every edit of `mistakes.py` is made
in that copy, its tests are run there, and the edit is taken back. Exit 1 when a mistake is missed,
a harmless change is caught, a text to find does not stand exactly once in its file, or a test fails
without any edit. ``--write`` keeps the table of the run in docs/planted_mistakes.md.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mistakes import ALL, HARMLESS, Check, Kind, Planted

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "planted_mistakes.md"
LIMIT_SECONDS = 300
"""For the tests of one edit; all tests without any edit get three times as long."""
_FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/\S+?\.py(?:::.+?)?)(?: - .*)?$", re.MULTILINE)
_WORDS = {Kind.LAW: "a law", Kind.ORACLE: "an oracle", Kind.AUDIT: "the audit"}
_LEFT_OUT = ("__pycache__", "*.egg-info", ".hypothesis")


@dataclass(frozen=True)
class Outcome:
    """What became of one edit.

    ``verdict`` is "caught", "missed" or, where neither can be said, "unclear: ..."; ``kind`` and
    ``test`` name the first test that failed.
    """

    name: str
    what: str
    file: str
    harmless: bool
    verdict: str
    kind: str
    test: str
    seconds: float

    @property
    def as_wanted(self) -> bool:
        """Whether a mistake was caught, or a harmless change was not."""
        return self.verdict == ("missed" if self.harmless else "caught")


@dataclass(frozen=True)
class Copy:
    """The tree that is edited."""

    folder: Path

    @classmethod
    def of(cls, root: Path, place: Path) -> Copy:
        """Copy what the tests need; ``place`` is empty."""
        folder = place / "tree"
        for name in ("src", "tests"):
            shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        shutil.copy(root / "pyproject.toml", folder)
        shared = root.parent / "shared"
        if shared.exists():
            (place / "shared").symlink_to(shared)
        made = cls(folder)
        # compiled files that are checked by the content of their source: an edit of the same
        # length within the same second would go unseen otherwise
        compiled = ("-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "src")
        made.python(*compiled, writes=True).check_returncode()
        seen = made.python("-c", "import gogooku; print(gogooku.__file__)").stdout.strip()
        if not Path(seen).is_relative_to(folder):
            raise SystemExit(f"the tests would import {seen}, not the copy in {folder}")
        return made

    def python(
        self, *arguments: str, writes: bool = False, limit: float = LIMIT_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run the interpreter in the copy."""
        environment = {
            **os.environ,  # noqa: TID251
            "PYTHONPATH": str(self.folder / "src"),
        }
        if not writes:
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )

    def failures(self, nodes: Sequence[str], *, first_only: bool) -> tuple[int, list[str]]:
        """Exit status of pytest and the tests that failed; status -1 when it took too long."""
        stop = ["-x"] if first_only else []
        limit = LIMIT_SECONDS if first_only else 3 * LIMIT_SECONDS
        command = ("-m", "pytest", "-q", *stop, "--tb=no", "--no-header", "-rfE", *nodes)
        try:
            done = self.python(*command, limit=limit)
        except subprocess.TimeoutExpired:
            return -1, []
        return done.returncode, _FAILED.findall(done.stdout)

    def source(self, planted: Planted) -> Path:
        """The file that an edit changes."""
        return self.folder / "src" / "gogooku" / planted.file


def misplaced(copy: Copy, edits: Iterable[Planted]) -> list[str]:
    """Edits whose text does not stand exactly once, or which make no program."""
    found = []
    for planted in edits:
        path = copy.source(planted)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        count = text.count(planted.find)
        if count != 1:
            found.append(f"{planted.name}: the text to find stands {count} times in {planted.file}")
            continue
        try:
            ast.parse(text.replace(planted.find, planted.put))
        except SyntaxError as fault:
            found.append(f"{planted.name}: the edit of {planted.file} is no program: {fault}")
    return found


def tried(copy: Copy, planted: Planted, *, broken: frozenset[str]) -> Outcome:
    """Make one edit, run its tests, take it back."""
    begun = time.perf_counter()
    path = copy.source(planted)
    text = path.read_text(encoding="utf-8")
    nodes = [check.node for check in planted.checks]
    path.write_text(text.replace(planted.find, planted.put), encoding="utf-8")
    try:
        status, failed = copy.failures(nodes, first_only=True)
    finally:
        path.write_text(text, encoding="utf-8")
    spoiled = [test for test in broken if any(test.startswith(node) for node in nodes)]
    verdict, kind, test = "missed", "", ""
    if spoiled:
        verdict = f"unclear: {spoiled[0]} fails without any edit"
    elif status == 1 and failed:
        verdict, test = "caught", failed[0]
        kind = next(str(c.kind) for c in planted.checks if test.startswith(c.node))
    elif status != 0:
        verdict = f"unclear: pytest ended with {status}"
    return Outcome(
        name=planted.name,
        what=planted.what,
        file=planted.file,
        harmless=planted in HARMLESS,
        verdict=verdict,
        kind=kind,
        test=test,
        seconds=round(time.perf_counter() - begun, 1),
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as Markdown."""
    mistakes = [one for one in outcomes if not one.harmless]
    harmless = [one for one in outcomes if one.harmless]
    parts: list[str] = []
    if mistakes:
        kinds = Counter(one.kind for one in mistakes if one.verdict == "caught")
        by = ", ".join(f"{kinds[kind]} by {words}" for kind, words in _WORDS.items())
        rows = [
            f"| **{one.name}**: {one.what} | `{one.file}` | {one.kind or one.verdict} | "
            f"{_short(one.test)} |"
            for one in mistakes
        ]
        head = ["| mistake | planted in | caught by | test |", "|---|---|---|---|"]
        parts.append(f"{kinds.total()} of {len(mistakes)} mistakes caught: {by}.")
        parts.append("\n".join([*head, *rows]))
    if harmless:
        quiet = sum(one.as_wanted for one in harmless)
        rows = [
            f"| **{one.name}**: {one.what} | `{one.file}` | "
            f"{'passed' if one.as_wanted else f'{one.verdict} {_short(one.test)}'.strip()} |"
            for one in harmless
        ]
        head = ["| harmless change | made in | outcome |", "|---|---|---|"]
        parts.append(f"{quiet} of {len(harmless)} harmless changes passed.")
        parts.append("\n".join([*head, *rows]))
    return "\n\n".join(parts)


def _short(test: str) -> str:
    place = test.rpartition("/")[2].replace("|", r"\|")
    return f"`{place}`" if place else ""


def page(outcomes: Sequence[Outcome]) -> str:
    """The page docs/planted_mistakes.md."""
    return f"""# Planted mistakes

Who watches the checks? Each line below is a mistake that somebody could make in the code of the
features and of the dataset. It was planted in a copy of the sources, and the tests named for it
were run on that copy; the first one that failed is given. A *law* knows no right value (no
look-ahead, exact lookback, one name at a time, a window equals the end of the whole, what is grown
equals what is built at once); an *oracle* derives the right value independently (a plain loop, SQL,
an example worked by hand); the *audit* judges a dataset that was built with the mistake in it.
Changes that change nothing must pass.

This page is written by `python benchmarks/planted_mistakes.py --write`.

{table(outcomes)}
"""


def say(text: str) -> None:
    """Progress, beside the result."""
    print(text, file=sys.stderr, flush=True)


def judged(root: Path, edits: Sequence[Planted]) -> list[Outcome] | None:
    """Plant every edit; None where the list does not fit the code."""
    with tempfile.TemporaryDirectory(prefix="planted-") as place:
        copy = Copy.of(root, Path(place))
        odd = misplaced(copy, edits)
        if odd:
            say("\n".join(odd))
            return None
        checks: dict[Check, None] = dict.fromkeys(c for one in edits for c in one.checks)
        nodes = _without_parts([check.node for check in checks])
        status, failed = copy.failures(nodes, first_only=False)
        say("\n  ".join([f"without any edit {len(failed)} tests fail", *failed]))
        if status not in (0, 1) or (status == 1 and not failed):
            say(f"pytest ended with {status}: too slow, or a test of the list does not exist")
            return None
        outcomes = []
        for number, planted in enumerate(edits, start=1):
            outcome = tried(copy, planted, broken=frozenset(failed))
            outcomes.append(outcome)
            mark = "ok " if outcome.as_wanted else "BAD"
            say(
                f"{number:2}/{len(edits)} {mark} {outcome.seconds:5.1f} s  {planted.name}: "
                f"{outcome.verdict} {outcome.kind} {outcome.test}"
            )
        return outcomes


def _without_parts(nodes: Sequence[str]) -> list[str]:
    """Nodes that are not part of another one."""

    def inside(node: str, other: str) -> bool:
        return node.startswith((f"{other}::", f"{other}["))

    return [node for node in nodes if not any(inside(node, other) for other in nodes)]


def main() -> int:
    """Run the list."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="try this edit alone")
    parser.add_argument("--list", action="store_true", help="show the edits and run nothing")
    parser.add_argument("--json", action="store_true", help="print the outcomes as JSON")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument(
        "--tree", type=Path, default=ROOT, help="another checkout whose src and tests are taken"
    )
    options = parser.parse_args()
    names = {planted.name for planted in ALL}
    if len(names) != len(ALL):
        parser.error("two edits have the same name")
    unknown = sorted(set(options.only or ()) - names)
    if unknown or (options.only and options.write):
        parser.error(f"no such edit: {unknown}" if unknown else "--write needs the whole list")
    if options.list:
        for planted in ALL:
            kind = "harmless" if planted in HARMLESS else "mistake"
            print(f"{kind:9} {planted.name:28} {planted.file:26} {planted.what}")
        return 0
    edits = [planted for planted in ALL if not options.only or planted.name in options.only]
    begun = time.perf_counter()
    outcomes = judged(options.tree, edits)
    if outcomes is None:
        return 1
    wrong = [one for one in outcomes if not one.as_wanted]
    seconds = time.perf_counter() - begun
    say(f"{len(edits) - len(wrong)} of {len(edits)} as wanted, {seconds:.0f} s")
    print(json.dumps([asdict(o) for o in outcomes], indent=1) if options.json else table(outcomes))
    if options.write:
        PAGE.write_text(page(outcomes), encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
