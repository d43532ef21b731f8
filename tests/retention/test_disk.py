"""What a home takes: each file once, however many names it has."""

import os

from gogooku.retention.disk import OTHER, PARTS, disk_use, freed_bytes


def put(path, count=100_000):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(count))
    return path


def test_parts_add_up_to_the_home_and_links_are_counted_once(tmp_path):
    one = put(tmp_path / "tables" / "a")
    (tmp_path / "sources").mkdir()
    os.link(one, tmp_path / "sources" / "a")
    put(tmp_path / "sources" / "b")
    put(tmp_path / "raw" / "deep" / "c", 200_000)
    put(tmp_path / "trials.sqlite")
    put(tmp_path / ".hidden" / "d")
    found = {use.part: use for use in disk_use(tmp_path)}
    assert list(found) == ["raw", "tables", "sources", OTHER]
    assert [use.files for use in found.values()] == [1, 1, 1, 2]
    assert found["raw"].num_bytes >= 200_000
    whole = sum(path.stat().st_blocks * 512 for path in tmp_path.rglob("*") if path.is_file())
    links = one.stat().st_blocks * 512
    assert sum(use.num_bytes for use in found.values()) == whole - links


def test_a_file_with_holes_takes_what_it_takes(tmp_path):
    path = tmp_path / "datasets" / "x"
    path.parent.mkdir()
    with path.open("wb") as handle:
        handle.truncate(50_000_000)
    (use,) = disk_use(tmp_path)
    assert use.num_bytes < 1_000_000


def test_an_empty_home_takes_nothing(tmp_path):
    assert disk_use(tmp_path) == []


def test_links_and_loops_do_not_lead_elsewhere(tmp_path):
    elsewhere = put(tmp_path / "elsewhere" / "big", 500_000)
    home = tmp_path / "home"
    (home / "runs").mkdir(parents=True)
    (home / "runs" / "link").symlink_to(elsewhere.parent)
    (home / "loop").symlink_to(home)
    assert sum(use.num_bytes for use in disk_use(home)) < 100_000


def test_only_files_whose_last_name_goes_free_anything(tmp_path):
    one, two = put(tmp_path / "a" / "x"), put(tmp_path / "b" / "y")
    os.link(one, tmp_path / "b" / "x")
    size = two.stat().st_blocks * 512
    assert freed_bytes([tmp_path / "a"]) == 0
    assert freed_bytes([tmp_path / "b"]) == size
    assert freed_bytes([tmp_path / "a", tmp_path / "b"]) == 2 * size
    assert freed_bytes([tmp_path / "gone"]) == 0


def test_every_part_says_what_losing_it_means():
    assert all(PARTS.values())
