"""In which numbers networks train: float32, bfloat16, or whichever of them a processor or GPU is fast in."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch

from benchbench.contracts.profile import Precision

_WITHOUT_BF16 = frozenset({"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"})
"""What ONEDNN_MAX_CPU_ISA may hold oneDNN to that has no arithmetic in bfloat16."""


def precision_used(precision: Precision, device: torch.device) -> Literal["float32", "bfloat16"]:
    """Return what a recipe's precision comes to on a device: 'mixed' is bfloat16 where that is there in hardware.

    Elsewhere it is emulated, at a tenth of the speed of float32 on processors with AVX2 alone.
    """
    if precision == "mixed":
        return "bfloat16" if _has_bfloat16(device) else "float32"
    return precision


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[Any]:
    """Return the context in which a recipe's forward passes run on a device."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision_used(precision, device) == "bfloat16")


def no_autocast(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context that computes with numbers as they come; `meta`, where operations are counted, has no other."""
    return torch.autocast(device.type, enabled=False) if torch.amp.is_autocast_available(device.type) else nullcontext()


def instructions() -> str:
    """Return what torch computes with on this processor, and what 'mixed' comes to on it."""
    held = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA")
    found = str(torch.backends.cpu.get_cpu_capability()) + (f" (oneDNN held to {held})" if held else "")
    return f"kernels of {found}, precision 'mixed' is {precision_used('mixed', torch.device('cpu'))}"


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or ""
    if limit.upper() in _WITHOUT_BF16:
        return False
    able = torch.cpu.get_capabilities()
    return any(bool(able.get(name, False)) for name in ("avx512_bf16", "amx_bf16", "bf16"))
