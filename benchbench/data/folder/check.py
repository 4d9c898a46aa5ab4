"""What is wrong with a folder of photographs, what is left out of it, and the split that a build would make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Literal

from benchbench.base.errors import DataError
from benchbench.base.processes import cores
from benchbench.contracts.layout import LAYOUTS, Layout, PhotoFile, Reading
from benchbench.contracts.roles import KNOWN_DEVICES, ROLES, UNKNOWN_DEVICES, FolderRule
from benchbench.data.folder.doubt import contradictions, doubts
from benchbench.data.folder.leaks import Leaks, find_leaks
from benchbench.data.folder.pixels import UnusableError, look_hash, pixel_digest, read_photo
from benchbench.data.folder.recipe import FolderRecipe, plan
from benchbench.data.folder.split import Listing, devices, too_few, why_not

Kind = Literal[
    "folder",
    "no model",
    "undecodable",
    "damaged",
    "too small",
    "too large",
    "not RGB",
    "bits",
    "pages",
    "kind",
    "duplicate",
    "near-duplicate",
    "few devices",
    "split",
    "exif",
    "doubt",
]

_AT_ONCE = 16
"""Photographs that a thread is asked for at a time: of small ones, asking is a third of the work."""


@dataclass(frozen=True)
class Finding:
    """Something wrong. file: the photograph's path in the folder, or None for a fact about a model or the folder."""

    kind: Kind
    file: str | None
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True)
class ModelRow:
    """What a build would make of one camera model. counts: photographs by role, and those without one last."""

    name: str
    attacker: str
    devices: int
    photographs: int
    counts: tuple[int, int, int, int]


@dataclass
class Report:
    """All that a check finds.

    layout: its name, or None where none reads the folder. aside: paths by the reason why they are left out.
    followed: links to folders.
    """

    findings: list[Finding] = field(default_factory=list)
    layout: str | None = None
    aside: dict[str, list[str]] = field(default_factory=dict)
    followed: tuple[str, ...] = ()
    listing: Listing | None = None
    models: list[ModelRow] = field(default_factory=list)
    leaks: Leaks | None = None


@dataclass(frozen=True)
class Seen:
    """What one photograph was found to be; `fault` of one that is of no use."""

    digest: str = ""
    look: int = 0
    make: str = ""
    model: str = ""
    fault: UnusableError | None = None


def check(
    folder: Path | str,
    size: int = 256,
    *,
    layout: str | None = None,
    rule: FolderRule | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Report:
    """Look at everything in a folder; never raises on a bad file.

    Args:
        size: side of the crop that photographs must hold, px.
        layout: its name; by default the one that fits.
        rule: how roles are given; by default as `FolderRecipe` does.
        progress: called with (stage, done, total).
    """
    report = Report()
    recipe = FolderRecipe(path=str(folder), size=size, layout=layout, split_rule=rule)
    try:
        looked, reading, report.listing = plan(recipe)
    except DataError as error:
        report.findings.append(Finding("folder", None, str(error)))
        return report
    report.layout, report.aside = report.listing.layout, reading.aside
    report.followed = looked.followed
    reads = LAYOUTS.create(report.layout)
    report.findings += [Finding("no model", path, f"photo '{path}' {fault}.") for path, fault in reading.wrong.items()]
    if not reading.entries and not reading.wrong:
        report.findings.append(Finding("folder", None, f"'{folder}' has no photographs that '{report.layout}' reads."))
    seen = _look_at_all(Path(folder), size, reading, reads, report, progress)
    report.models = _models(reading.entries, report.listing)
    report.leaks = find_leaks(report.listing, {path: (s.digest, s.look) for path, s in seen.items() if not s.fault})
    report.findings += [
        Finding("near-duplicate", one, f"photo '{one}' ({role}) shows what '{other}' ({other_role}) shows.")
        for one, role, other, other_role in report.leaks.alike
    ]
    exif = {path: (s.make, s.model) for path, s in seen.items() if s.make or s.model}
    report.findings += [Finding("exif", path, text) for path, text in contradictions(reading.entries, exif, reads)]
    report.findings += [Finding("doubt", None, text) for text in doubts(reading.entries, reads)]
    if report.listing.rule == "device":
        report.findings += _few_devices(reading.entries)
    if reading.entries:
        reasons = why_not(report.listing, str(folder), any(e.scene for e in reading.entries)), too_few(report.listing)
        report.findings += [Finding("split", None, reason) for reason in reasons if reason]
    return report


def _look_at_all(
    root: Path,
    size: int,
    reading: Reading,
    reads: Layout,
    report: Report,
    progress: Callable[[str, int, int], None] | None,
) -> dict[str, Seen]:
    """Decode every photograph once, and note faults and equal pixels."""
    # Files without a model are decoded too: someone who fixes their names should not meet the next fault only then.
    files = [entry.path for entry in reading.entries] + [path for path in reading.wrong if (root / path).is_file()]

    def look(path: str) -> Seen:
        try:
            photo = read_photo(root / path, size, reads)
        except UnusableError as fault:
            return Seen(fault=fault)
        return Seen(pixel_digest(photo.pixels), look_hash(photo.pixels), photo.make, photo.model)

    found: dict[str, Seen] = {}
    first: dict[str, str] = {}
    parts = [files[start : start + _AT_ONCE] for start in range(0, len(files), _AT_ONCE)]
    with ThreadPoolExecutor(cores()) as pool:  # the decoder works outside the interpreter's lock
        several = pool.map(lambda paths: [look(path) for path in paths], parts)
        for done, (path, seen) in enumerate(zip(files, chain.from_iterable(several), strict=True), 1):
            found[path] = seen
            if seen.fault is not None:
                report.findings.append(Finding(seen.fault.kind, path, f"photo '{path}' {seen.fault}."))
            elif seen.digest in first:
                text = f"photo '{path}' has the same pixels as '{first[seen.digest]}'."
                report.findings.append(Finding("duplicate", path, text))
            else:
                first[seen.digest] = path
            if progress is not None:
                progress("photographs", done, len(files))
    return found


def _models(entries: Sequence[PhotoFile], found: Listing) -> list[ModelRow]:
    """A row a model: those of the split in class order, then those that are left out."""
    names = devices(entries)
    total = Counter(entry.model for entry in entries)
    given = {role: Counter(item.camera for item in found.items[role]) for role in ROLES}
    rows = []
    for model in [*found.camera_models, *(m for m in names if m not in found.camera_models)]:
        used = model in found.camera_models
        camera = found.camera_models.index(model) if used else -1
        q, p, test = (given[role][camera] for role in ROLES)
        attacker = "left out" if not used else "known" if camera < found.known else "unknown"
        counts = (q, p, test, total[model] - q - p - test)
        rows.append(ModelRow(model, attacker, len(names[model]), total[model], counts))
    return rows


def _few_devices(entries: Sequence[PhotoFile]) -> list[Finding]:
    findings = []
    for model, names in devices(entries).items():
        if len(names) < UNKNOWN_DEVICES:
            have = "one device only" if len(names) == 1 else f"{len(names)} devices"
            sentence = (
                f"model '{model}' has {have}; a known model needs {KNOWN_DEVICES}, an unknown one {UNKNOWN_DEVICES}."
            )
            findings.append(Finding("few devices", None, sentence))
    return findings
