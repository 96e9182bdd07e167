"""What to compute on: the device, the precision that is fastest on it, and the memory it has."""

from __future__ import annotations

import contextlib
import ctypes
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F

from ..errors import ImpastoError, unknown
from .threads import fit_threads

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Compute:
    """Where the loss network runs, and in which precision (losses and pixels are always float32)."""

    device: torch.device
    dtype: torch.dtype


def choose_device(name: str = "auto") -> torch.device:
    """"auto" takes a CUDA GPU where there is one, else the CPU; "cuda:1" names one of several.

    Apple's "mps" is taken only by name: it lacks some of the operations in some versions of torch.
    """
    kind = name.partition(":")[0]
    if kind not in DEVICES:
        raise unknown("device", name, DEVICES)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ImpastoError(f"device '{name}' is not available here") from error
    return device


def choose_precision(device: torch.device, name: str = "auto") -> torch.dtype:
    """"auto" measures once whether bfloat16 convolutions are faster here (twice as fast with AVX512-BF16).

    bfloat16 has float32's range, so features cannot overflow; float16, whose range ends at 65,504, is not offered:
    feature maps of the original VGG weights and all Gram matrices exceed it.
    """
    if name != "auto":
        if name not in PRECISIONS:
            raise unknown("precision", name, ("auto", *PRECISIONS))
        return PRECISIONS[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if device.type == "cpu" and _bfloat16_is_faster() else torch.float32


@cache
def _bfloat16_is_faster() -> bool:
    """Compared by the least times, taken in turns: on a busy machine the others measure the others.

    Three rounds tell where a processor has no such arithmetic: there each takes a third of a second.
    """
    half, single = list[float](), list[float]()
    while len(half) < 3 or (len(half) < 8 and min(half) < max(single)):
        fit_threads()
        half.append(_convolution_seconds(torch.bfloat16))
        single.append(_convolution_seconds(torch.float32))
    return min(half) < 0.8 * min(single)


def _convolution_seconds(dtype: torch.dtype) -> float:
    """Of a typical layer of the loss network, forward and backward: 1 GFLOP, a few milliseconds."""
    layout = torch.channels_last
    x = torch.rand(1, 64, 80, 80).to(dtype).contiguous(memory_format=layout).requires_grad_()
    weight = torch.rand(64, 64, 3, 3).to(dtype).contiguous(memory_format=layout)
    start = time.perf_counter()
    y = F.conv2d(x, weight, padding=1)
    torch.autograd.grad(y, x, torch.ones_like(y))
    return time.perf_counter() - start


def keep_freed_memory() -> None:
    """Have glibc keep what is freed for the next batch, for the rest of this process; elsewhere, do nothing.

    By default large blocks go back to the system at once, and each new feature map is paid for once more in page
    faults: a sixth of the time of a training step at 256 px.
    """
    trim_threshold, most_mappings = -1, -4  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_MAX
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(most_mappings, 0)
        mallopt(trim_threshold, 2**31 - 1)


def available_memory(device: torch.device) -> int:
    """Bytes that a run may still take on a device, container limits included."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    import psutil

    available = int(psutil.virtual_memory().available)
    for limit_file, used_file in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        limit, used = (_read_number(Path("/sys/fs/cgroup", name)) for name in (limit_file, used_file))
        if limit is not None and used is not None:
            available = min(available, max(0, limit - used + _page_cache(used_file)))
    return available


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says so: torch has no class for the CPU's "can't allocate memory"."""
    return isinstance(error, MemoryError) or "out of memory" in str(error) or "allocate memory" in str(error)


def _page_cache(used_file: str) -> int:
    """Bytes that a control group counts as used, but gives back when they are needed."""
    try:
        lines = Path("/sys/fs/cgroup", used_file).with_name("memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)


def _read_number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no control group, or "max"
        return None
