"""What is wrong with a folder of photographs, before anything trains on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchbench.base.errors import DataError
from benchbench.base.processes import cores
from benchbench.contracts.layout import PhotoFile
from benchbench.contracts.roles import KNOWN_DEVICES, UNKNOWN_DEVICES
from benchbench.data.folder.recipe import devices, read_entries, read_photo

Kind = Literal["folder", "undecodable", "too small", "not RGB", "duplicate", "no model", "few devices"]


@dataclass(frozen=True)
class Finding:
    """Something wrong. file: the photograph's path in the folder, or None for a fact about a model or the folder."""

    kind: Kind
    file: str | None
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def check(
    folder: Path | str,
    size: int = 256,
    *,
    layout: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Finding]:
    """List what is wrong with a folder; never raises on a bad file. `size`: side of the crop that photographs
    must hold, px. layout: its name; by default the one that fits.

    Finds files that cannot be decoded, are too small, not RGB, or belong to no model; the same pixels twice;
    and models with too few devices. progress: called with (stage, done, total).
    """
    root = Path(folder)
    try:
        entries, wrong = read_entries(root, layout)
    except DataError as error:
        return [Finding("folder", None, str(error))]
    findings = [Finding("no model", path, f"photo '{path}' {fault}.") for path, fault in wrong.items()]
    if not entries and not wrong:
        findings.append(Finding("folder", None, f"'{root}' has no photographs."))
    # Files without a model are decoded too: someone who fixes their names should not meet the next fault only then.
    files = [entry.path for entry in entries] + [path for path in wrong if (root / path).is_file()]

    def look(path: str) -> tuple[str, str]:
        pixels, fault = read_photo(root / path, size)
        return (
            ("", fault)
            if pixels is None
            else (hashlib.sha256(repr(pixels.shape).encode() + pixels.data).hexdigest(), "")
        )

    first: dict[str, str] = {}
    with ThreadPoolExecutor(cores()) as pool:  # Pillow decodes outside the interpreter's lock
        for done, (path, (digest, fault)) in enumerate(zip(files, pool.map(look, files), strict=True), 1):
            if fault:
                findings.append(Finding(_kind(fault), path, f"photo '{path}' {fault}."))
            elif digest in first:
                findings.append(Finding("duplicate", path, f"photo '{path}' has the same pixels as '{first[digest]}'."))
            else:
                first[digest] = path
            if progress is not None:
                progress("photographs", done, len(files))
    return [*findings, *_few_devices(entries)]


def _kind(fault: str) -> Kind:
    return "too small" if "too small" in fault else "not RGB" if "not RGB" in fault else "undecodable"


def _few_devices(entries: list[PhotoFile]) -> list[Finding]:
    findings = []
    for model, names in devices(entries).items():
        if len(names) < UNKNOWN_DEVICES:
            have = "one device only" if len(names) == 1 else f"{len(names)} devices"
            sentence = (
                f"model '{model}' has {have}; a known model needs {KNOWN_DEVICES}, an unknown one {UNKNOWN_DEVICES}."
            )
            findings.append(Finding("few devices", None, sentence))
    return findings
