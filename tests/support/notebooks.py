"""Notebooks: what one is made of, and the code of one run in order, as a program.

As a program: ``python -P notebooks.py NOTEBOOK`` runs the code cells in one namespace and shows the
value of a cell that ends with an expression, as a notebook does. A cell that raises ends it: exit
code 1, with notebook, cell and traceback on standard error.
"""

from __future__ import annotations

import ast
import json
import linecache
import sys
import traceback
from pathlib import Path
from typing import Any

KINDS = ("markdown", "code")


def cells_of(notebook: Path) -> list[dict[str, Any]]:
    """Cells of a notebook, in order."""
    cells: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return cells


def source_of(cell: dict[str, Any]) -> str:
    """Text of a cell."""
    return "".join(cell["source"])


def faults_of(notebook: Path) -> list[str]:
    """What keeps a notebook from being one of ours: its form, outputs, counts, kernel, magics."""
    read = json.loads(notebook.read_text(encoding="utf-8"))
    found: list[str] = []
    if (read.get("nbformat"), read.get("nbformat_minor")) != (4, 5):
        found.append(f"nbformat {read.get('nbformat')}.{read.get('nbformat_minor')}, expected 4.5")
    kernel = read.get("metadata", {}).get("kernelspec", {}).get("name")
    if kernel != "python3":
        found.append(f"kernel {kernel!r}, expected 'python3'")
    cells = read.get("cells", [])
    if not any(cell.get("cell_type") == "code" for cell in cells):
        found.append("no code cell")
    ids = [cell.get("id") for cell in cells]
    if None in ids or len(set(ids)) < len(ids):
        found.append("cells without an id, or two with the same")
    for number, cell in enumerate(cells, 1):
        found.extend(f"cell {number}: {one}" for one in _faults_of_cell(cell))
    return found


def _faults_of_cell(cell: dict[str, Any]) -> list[str]:
    kind, source = cell.get("cell_type"), cell.get("source")
    if kind not in KINDS or not isinstance(cell.get("metadata"), dict):
        return [f"kind {kind!r} without metadata, expected one of {', '.join(KINDS)}"]
    if not isinstance(source, list) or not "".join(source).strip():
        return ["no text, or not as a list of lines"]
    if kind == "markdown":
        return ["outputs in a text"] if {"outputs", "execution_count"} & set(cell) else []
    found = []
    if cell.get("outputs") != []:
        found.append("outputs: clear them before committing")
    if cell.get("execution_count", 0) is not None:
        found.append("execution count: clear the outputs before committing")
    if any(line.lstrip().startswith(("%", "!")) for line in source):
        found.append("a magic (% or !): plain Python only")
    return found


def run(notebook: Path) -> int:
    """Run the code cells in order in one namespace; the exit code."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(cells_of(notebook), 1):
        if cell["cell_type"] != "code":
            continue
        source, place = source_of(cell), f"{notebook.name}, cell {number}"
        linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
        try:
            _run_cell(source, place, namespace)
        except BaseException:  # noqa: BLE001 - a cell may end the program too; the traceback says by what
            sys.stderr.write(f"{place} raised\n{traceback.format_exc()}\n")
            return 1
    return 0


def _run_cell(source: str, place: str, namespace: dict[str, Any]) -> None:
    body = ast.parse(source, place).body
    shown = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), place, "exec"), namespace)
    if isinstance(shown, ast.Expr):
        value = eval(compile(ast.Expression(shown.value), place, "eval"), namespace)
        if value is not None:
            to_html = getattr(value, "_repr_html_", value.__repr__)
            sys.stdout.write(f"{place}: {len(to_html()):,} characters shown\n")


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
