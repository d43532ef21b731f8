"""Where networks run: which devices this machine has."""

from __future__ import annotations

from gogooku.core.config import Execution
from gogooku.core.errors import ConfigError
from gogooku.core.registry import VariantConfig, load
from gogooku.learn.registry import LEARNERS

CPU = "cpu"
_CHECK_TOGETHER = "gogooku.learn.team:check_together"
"""By reference: what only refuses is no part of the code that decides a fit of one process."""


def available_devices() -> tuple[str, ...]:
    """Names of the devices of this machine that torch can use; the CPU first."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    numbered = [f"cuda:{index}" for index in range(count)]
    return (CPU, *(["cuda"] if numbered else []), *numbered)


def check_device(kind: str, device: str) -> None:
    """Refuse a device that a kind of learner cannot be fitted or scored on.

    Raises
    ------
    ConfigError
        The learner is no network and another device than the CPU is asked for, or the machine has
        no such device; the message lists those it has.
    """
    if device == CPU:
        return
    if not LEARNERS.row(kind).network:
        raise ConfigError(
            f"device {device!r}: {kind} is no network and runs on the CPU only; leave it out"
        )
    there = available_devices()
    if device not in there:
        raise ConfigError(
            f"device {device!r}: this machine does not have it, or the installed torch cannot use "
            f"it; available: {', '.join(there)}"
        )


def check_processes(config: VariantConfig, execution: Execution) -> None:
    """Refuse a fit that several processes cannot share, see `gogooku.learn.team`."""
    if execution.processes > 1:
        load(_CHECK_TOGETHER)(config, processes=execution.processes, device=execution.device)


def check_compiled(device: str, *, compiled: bool) -> None:
    """Refuse to compile for the CPU, where it takes longer than it gains.

    Raises
    ------
    ConfigError
    """
    if compiled and device == CPU:
        raise ConfigError(
            "--compile: networks are compiled for a GPU only, and the device is the CPU; leave it "
            "out, or give --device cuda"
        )
