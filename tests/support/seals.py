"""Artefacts that a test has changed on purpose, sealed again as if they had been written so."""

import numpy as np

from gogooku.core.files import read_json, write_json
from gogooku.core.seal import FILES, SEAL, row_digests, seal
from gogooku.dataset.state import load_grown


def reseal(folder, **changes):
    """State anew what lies in a folder; ``changes`` are of the manifest, None takes one away."""
    manifest = {**read_json(folder / "manifest.json"), **changes}
    rows = {name: e for name, e in manifest.get(FILES, {}).items() if "sha256" not in e}
    kept = {key: value for key, value in manifest.items() if key != SEAL and value is not None}
    write_json(folder / "manifest.json", {**kept, FILES: rows})
    seal(folder)


def restate(folder):
    """State anew the rows of a dataset's tensor and bars as well."""
    grown = load_grown(folder)
    rows = [grown.rows_of(file).unchecked() for file in grown.layout.files()]
    np.save(folder / "row_digests.npy", np.stack([row_digests(one) for one in rows], axis=1))
    reseal(folder)


def unseal(folder):
    """The manifest as an earlier version of the program has written it."""
    manifest = read_json(folder / "manifest.json")
    kept = {key: value for key, value in manifest.items() if key not in (FILES, SEAL)}
    write_json(folder / "manifest.json", kept)
