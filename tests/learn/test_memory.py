import pytest
import torch

from gogooku.core.errors import ResourceError
from gogooku.learn.memory import first_line, lacks_memory, memory_errors

SAID = (
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you "
    "tried to allocate 4000000000000 bytes. Error code 12 (Cannot allocate memory)",
    "[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you tried to "
    "allocate 1 bytes.",
    "CUDA error: out of memory",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
)


@pytest.mark.parametrize("said", SAID)
def test_words_of_the_libraries_are_known(said):
    assert lacks_memory(RuntimeError(said))


def test_kinds_of_exceptions_are_known():
    assert lacks_memory(MemoryError())
    assert lacks_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert not lacks_memory(RuntimeError("shapes differ"))
    assert not lacks_memory(ValueError("not enough memory"))


def test_a_real_allocation_that_fails_is_known():
    with pytest.raises(RuntimeError) as failed:
        torch.empty(2**60, dtype=torch.float32)
    assert lacks_memory(failed.value), str(failed.value)


def test_the_first_line_is_shown_or_the_name():
    assert first_line(RuntimeError("\n one\ntwo")) == "one"
    assert first_line(MemoryError()) == "MemoryError"


def test_a_lack_names_the_stage_and_what_to_lower():
    said = pytest.raises(ResourceError, match=r"validate: .*\(MemoryError\).*row_share")
    with said, memory_errors(lambda: "validate"):
        raise MemoryError
    with pytest.raises(RuntimeError, match="shapes differ"), memory_errors(lambda: "validate"):
        raise RuntimeError("shapes differ")
