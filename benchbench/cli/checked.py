"""What `bench data check` prints: a line a kind of fault, what is left out, and the table of the split."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchbench.cli.text import columns

if TYPE_CHECKING:
    from benchbench.data.folder.check import Finding, Report

_NAMED = 3
"""Files that a line names."""


def print_report(report: Report, everything: bool) -> None:
    """Print all that a check found. everything: a line a file."""
    from benchbench.contracts.layout import LAYOUTS

    if report.layout is not None:
        note = LAYOUTS.get(report.layout).note
        print(f"layout: {report.layout} ({LAYOUTS.origin(report.layout)}){': ' + note if note else ''}")
    for line in [str(f) for f in report.findings] if everything else _grouped(report.findings):
        print(line)
    print(f"findings: {len(report.findings)}" if report.findings else "nothing wrong.")
    for path in report.followed:
        print(f"'{path}' is a link to a folder, and was followed")
    for reason, paths in report.aside.items():
        print(f"left out: {len(paths)} {reason}: {_some(paths, len(paths) if everything else _NAMED)}")
    if report.listing is None or not report.models:
        return
    print(f"\nWhat `bench data build` would make, with roles by {report.listing.rule}:")
    rows = []
    for k, row in enumerate(report.models):
        number = str(k + 1) if row.attacker != "left out" else "-"
        rows.append((number, row.name, row.attacker, str(row.devices), str(row.photographs), *map(str, row.counts)))
    print(columns(("y", "camera model", "attacker", "devices", "photographs", "q", "p", "test", "no role"), rows))
    for reason, count in report.listing.unused.items():
        print(f"no role: {count} {reason}")
    leaks = report.leaks
    if leaks is not None:
        scenes = "not known" if leaks.scenes is None else str(leaks.scenes)
        same = f"equal pixels {leaks.pixels}, alike {len(leaks.alike)}"
        print(f"in two roles: devices {leaks.devices}, scenes {scenes}, {same}")
    if report.listing.warning:
        print(f"warning: {report.listing.warning}")


def _grouped(findings: Iterable[Finding]) -> list[str]:
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    lines = []
    for found in kinds.values():
        line = str(found[0])
        files = [f.file for f in found[1:] if f.file is not None]
        if len(found) > 1 and len(files) == len(found) - 1:
            line += f" The same, or alike, of {len(files)} more: {_some(files, _NAMED)}"
            lines.append(line)
        elif len(found) > _NAMED:
            lines.append(f"{line} The same, or alike, of {len(found) - 1} more (--all names them).")
        else:
            lines += [str(f) for f in found]
    return lines


def _some(paths: list[str], most: int) -> str:
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(f"'{path}'" for path in paths[:most]) + more
