"""The page of dependencies, written from pyproject.toml, constraints.txt and what is installed.

``make dependencies`` writes it; a test compares.
"""

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "dependencies.md"
COMMAND = "make dependencies"
CLUSTERS = {"ray": "ray, Apache-2.0", "slurm": "submitit, MIT"}
"""Extras that ``make setup`` does not install; their licences are stated by hand."""
OWN = "gogooku"
REFUSED = re.compile(r"GPL|Commons.?Clause|BUSL|Business Source|BSL(?!-1\.0)|SSPL", re.IGNORECASE)
"""Licences that the required set must not have; ``BSL-1.0`` is Boost's, a free one."""

_SPDX = {
    "2-clause BSD": "BSD-2-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Simplified BSD": "BSD-2-Clause",
}
_LONGEST = 60
"""Most characters of a licence's name; what is longer is its text."""

_HEAD = f"""# Dependencies

<!-- Written by `{COMMAND}`; a test compares. Do not edit. -->

What the program needs, with the version that it is tested with (`constraints.txt`) and the licence
that each package states about itself. No licence has been chosen yet for the program.

No package of the required set, and none of the extras `{{extras}}`, is under GPL, LGPL, AGPL,
Commons Clause or the Business Source License (`BSL-1.0` is Boost's). What a wheel holds inside has
licences of its own, in its files: numpy and scipy hold OpenBLAS and the Fortran runtime of GCC,
which is GPL with the exception for runtime libraries.

Extras that are not installed by `make setup`: {{clusters}}.
"""


def groups():
    """Requirements by group: the required set, then each extra that is installed everywhere."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    (everything,) = extras["all"]
    named = re.fullmatch(rf"{OWN}\[(.*)\]", everything)[1].split(",")
    chosen = {"required": project["dependencies"], **{name: extras[name] for name in named}}
    tools = [one for one in extras["dev"] if not one.startswith(OWN)]
    return {**chosen, "dev": tools}


def closure(requirements):
    """Names of packages that some requirements bring, themselves included."""
    found, waiting = set(), [Requirement(one) for one in requirements]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name in found:
            continue
        found.add(name)
        for text in metadata.requires(name) or ():
            inner = Requirement(text)
            wanted = [*one.extras, ""]
            if inner.marker is None or any(inner.marker.evaluate({"extra": e}) for e in wanted):
                waiting.append(inner)
    return found


def pinned():
    """Version by package, of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().split()
    pairs = (line.partition("==")[::2] for line in lines)
    return {canonicalize_name(name): version for name, version in pairs}


def licence(facts):
    """The licence that a package states about itself; empty where it states none."""
    stated = facts.get("License-Expression") or ""
    text = " ".join((facts.get("License") or "").split())
    classes = [
        one.split("::")[-1].strip()
        for one in facts.get_all("Classifier") or ()
        if one.startswith("License ::") and "approved" not in one
    ]
    beginning = next((name for name in _SPDX if text.startswith(name) and len(text) > _LONGEST), "")
    short = text if 0 < len(text) <= _LONGEST else beginning
    said = stated or short or " AND ".join(classes)
    return _SPDX.get(said, said)


def rows():
    """(package, group, direct or not, licence); a package belongs to the first that brings it."""
    seen = set()
    for group, requirements in groups().items():
        direct = {canonicalize_name(Requirement(one).name) for one in requirements}
        for name in sorted(closure(requirements) - seen):
            yield name, group, name in direct, licence(metadata.metadata(name))
            seen.add(name)


def page():
    """The whole page."""
    versions = pinned()
    found = list(rows())
    extras = [name for name in groups() if name not in ("required", "dev")]
    clusters = ", ".join(f"`{extra}` ({what})" for extra, what in CLUSTERS.items())
    parts = [_HEAD.format(extras="`, `".join(extras), clusters=clusters)]
    for group in groups():
        title = {"required": "The required set", "dev": "For tests and checks (`dev`)"}
        parts.append(f"## {title.get(group, f'Extra `{group}`')}\n")
        lines = [
            f"| {name} | {versions[name]} | {'yes' if direct else ''} | {stated} |"
            for name, of, direct, stated in found
            if of == group
        ]
        parts.append(
            "| package | version | asked for by name | licence |\n|---|---|---|---|\n"
            + "\n".join(lines)
            + "\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
