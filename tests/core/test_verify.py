from gogooku.core.files import write_json
from gogooku.core.seal import seal
from gogooku.core.verify import artefacts_in, verify
from support.seals import unseal


def made(folder, text="words"):
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text(text)
    write_json(folder / "manifest.json", {"kind": "run"})
    seal(folder)
    return folder


def test_artefacts_are_found_and_compared(tmp_path):
    one, two = made(tmp_path / "runs" / "one"), made(tmp_path / "runs" / "one" / "evaluation-1")
    old = made(tmp_path / "runs" / "old")
    unseal(old)
    made(tmp_path / "runs" / ".building")
    found = artefacts_in([tmp_path / "runs", tmp_path / "nothing"])
    assert found == [old, one, two]
    calls = []
    result = verify(found, expected=lambda path: True, seen=lambda: calls.append(1))
    assert (result.files, result.damaged, result.unsealed, len(calls)) == (4, (), (old,), 3)
    (two / "a.txt").write_text("wards")
    (one / "a.txt").unlink()
    (one / "b.txt").write_text("more")
    result = verify(found, expected=lambda path: True, seen=list)
    assert [damage.place for damage in result.damaged] == [
        one / "a.txt",
        one / "b.txt",
        two / "a.txt",
    ]
    assert "was not written with the artefact" in result.damaged[1].what
    result = verify(found, expected=lambda path: path.parent != one, seen=list)
    assert [damage.place for damage in result.damaged] == [one / "b.txt", two / "a.txt"]
    (two / "manifest.json").write_text("[" * 1_000_000)
    assert [d.place for d in verify([two], expected=lambda p: True, seen=list).damaged] == [
        two / "manifest.json"
    ]
