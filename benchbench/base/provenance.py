"""Where a number comes from: facts that do not name a host, a path or a person."""

from __future__ import annotations

import platform
import re
import subprocess
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "benchbench-forensics",
    "torch",
    "timm",
    "torchattacks",
    "torchattack",
    "numpy",
    "scipy",
    "rawpy",
    "Pillow",
    "lensfunpy",
)
"""Packages whose version can move a number."""
CODE = ("benchbench", "attacks", "targets", "pyproject.toml")
"""What of a checkout can."""


def provenance(device: str, seconds: float) -> dict[str, Any]:
    """Return commit, package versions, device, processor, seconds and the UTC time now.

    Args:
        device: as torch names it, e.g. 'cpu' or 'cuda:0'.
        seconds: what the work took, summed over worker processes.
    """
    return {
        "commit": commit(),
        "packages": versions(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": device_name(device),
        "cpu": processor(),
        "seconds": round(seconds, 3),
        "utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@lru_cache(maxsize=1)
def commit() -> str | None:
    """Return the commit of the benchbench checkout, or None outside one; '-dirty' says that its code is another.

    Results and documents are no code: a run writes the former while it goes on.

    The source that `git archive` packs has no history; git writes the commit into `.git_archival.txt` for it.
    """
    folder = Path(__file__).resolve().parents[1]
    if not (folder.parent / ".git").exists():
        return _archived(folder.parent / ".git_archival.txt")
    try:
        head = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", *(f"../{name}" for name in CODE))
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("-dirty" if changed else "")


def _archived(note: Path) -> str | None:
    try:
        found = note.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return None
    return found if re.fullmatch("[0-9a-f]{40}", found) else None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip()


@lru_cache(maxsize=1)
def _versions() -> tuple[tuple[str, str], ...]:
    found = []
    for name in PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)


def versions() -> dict[str, str]:
    """Return the versions of those of `PACKAGES` that are installed."""
    return dict(_versions())


_VECTORS = {"avx512f": "AVX512", "avx2": "AVX2", "asimd": "NEON"}
"""Vector instructions by the name that Linux gives them, the widest first."""


@lru_cache(maxsize=1)
def processor() -> str:
    """Return the processor's model name and vector instructions, e.g. 'AMD EPYC (AVX2)', or the architecture alone.

    Processors of one name may have other instructions, and then round otherwise.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []  # not Linux
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    name = facts.get("model name") or platform.processor() or platform.machine()
    vectors = next((text for flag, text in _VECTORS.items() if flag in flags), "")
    return f"{name} ({vectors})" if vectors else name


@lru_cache
def device_name(device: str) -> str:
    """Return 'cpu' or the accelerator's product name."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    return device
