"""Tensors that a fit keeps in its work, to go on from: written whole or not at all, for one key."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from gogooku.core.files import readable, storage_errors, write_point

_FACTS = "facts"


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], *, key: str, facts: Mapping[str, Any], point: str
) -> None:
    """Write tensors and facts atomically, through the disk.

    Parameters
    ----------
    key : str
        Identity of the fit, without which they are not read again.
    facts : mapping
        JSON values.
    point : str
        Name of the write point before they are there.

    Raises
    ------
    StorageError
        The disk is full, or cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = {name: value.detach().contiguous().cpu() for name, value in tensors.items()}
        save_file(plain, temporary, metadata={_FACTS: json.dumps({"key": key, **facts})})
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        write_point(point)
        os.replace(temporary, path)


def read_tensors(path: Path, key: str) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Facts and tensors that a fit of the same key has kept; None where there are none.

    Raises
    ------
    DataError
        The file is damaged.
    """
    if not path.exists():
        return None
    with readable(path), safe_open(path, framework="pt") as handle:
        facts = json.loads(handle.metadata()[_FACTS])
        if facts.pop("key") != key:
            return None
        return facts, {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
