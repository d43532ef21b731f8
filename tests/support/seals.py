"""Artefacts that a test has changed on purpose, sealed again as if they had been written so."""

from gogooku.core.files import read_json, write_json
from gogooku.core.seal import FILES, SEAL, seal


def reseal(folder, **changes):
    """State anew what lies in a folder; ``changes`` are of the manifest, None takes one away."""
    manifest = {**read_json(folder / "manifest.json"), **changes}
    rows = {name: e for name, e in manifest.get(FILES, {}).items() if "sha256" not in e}
    kept = {key: value for key, value in manifest.items() if key != SEAL and value is not None}
    write_json(folder / "manifest.json", {**kept, FILES: rows})
    seal(folder)


def unseal(folder):
    """The manifest as an earlier version of the program has written it."""
    manifest = read_json(folder / "manifest.json")
    kept = {key: value for key, value in manifest.items() if key not in (FILES, SEAL)}
    write_json(folder / "manifest.json", kept)
