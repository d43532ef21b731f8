"""Memory of a process and of the machine, as the kernel tells it."""

import numpy as np
import pytest

from gogooku.execute.memory import available_bytes, held_bytes, peak_bytes

GIB = 2**30


def test_what_is_taken_is_held_and_given_back():
    before = held_bytes()
    taken = np.ones(32 << 20)
    after = held_bytes()
    assert 250 << 20 < after - before < 280 << 20
    del taken
    assert held_bytes() - before < 30 << 20
    assert peak_bytes() >= after


def test_a_file_that_is_mapped_is_not_held(tmp_path):
    file = tmp_path / "rows"
    np.ones(32 << 20).tofile(file)
    before = held_bytes()
    assert np.memmap(file, dtype=np.float64).sum() == 32 << 20
    assert held_bytes() - before < 30 << 20


def test_a_process_that_has_ended_is_not_known():
    assert held_bytes(2**22 + 1) is None


@pytest.fixture
def machine(tmp_path):
    """A machine with 8 GiB to be had, whose process is in the control group /a/b."""
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(f"MemTotal: 999 kB\nMemAvailable: {8 << 20} kB\nHugePages: 0\n")
    (proc / "self" / "cgroup").write_text("1:name=x:/y\n0::/a/b\n")
    (groups / "a" / "b").mkdir(parents=True)
    return proc, groups


def limited(group, limit, used, cache=0):
    (group / "memory.max").write_text(f"{limit}\n")
    (group / "memory.current").write_text(f"{used}\n")
    (group / "memory.stat").write_text(f"anon 5\ninactive_file {cache}\n")


def test_without_limits_it_is_what_the_machine_has(machine):
    proc, groups = machine
    assert available_bytes(proc=proc, cgroups=groups) == 8 * GIB


def test_the_narrowest_control_group_counts_and_its_cache_is_free(machine):
    proc, groups = machine
    limited(groups / "a" / "b", "max", 1)
    limited(groups / "a", 4 * GIB, 3 * GIB, cache=GIB)
    assert available_bytes(proc=proc, cgroups=groups) == 2 * GIB
    limited(groups / "a" / "b", 3 * GIB, 4 * GIB)
    assert available_bytes(proc=proc, cgroups=groups) == 0


def test_where_the_system_does_not_tell_it_is_not_known(tmp_path):
    assert available_bytes(proc=tmp_path, cgroups=tmp_path) is None
    assert held_bytes(proc=tmp_path) is None


def test_here_it_is_known():
    assert available_bytes() > 1 << 20
