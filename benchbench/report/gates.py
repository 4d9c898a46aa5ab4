"""Gates: what must hold of any honest run, checked on the cells with every run and shown with its figures.

A failed gate does not change a number. It says that one of them should not be believed before somebody has looked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchbench.metrics import intervals, rates
from benchbench.records.cell import Cell
from benchbench.records.dataset import DatasetSummary
from benchbench.report import captions
from benchbench.report.groups import LIMIT_PSNR, AttackRow, Group, attack_key, mean
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.report.paper import Gate, papers

SPLITS = ("in", "out")
UNCOMPRESSED = ("uint8", "float")
REACHABLE = 0.7
"""The least TSR of a limit, in the mean over its cells, with which the photographs leave attacks room."""


def gates(group: Group, summary: DatasetSummary | None) -> list[Gate]:
    """Check everything that can be checked on one group of cells.

    Args:
        summary: dataset.json, which says what test photographs share with those that anything was trained on.
    """
    checks: tuple[tuple[str, str, Callable[[], tuple[bool | None, str]]], ...] = (
        (
            "transfer",
            "an attack fools its own evaluator as often as targets, interval and own mistakes of these aside",
            lambda: _transfer(group),
        ),
        ("identity", "identity scores exactly what the clean predictions imply", lambda: _identity(group)),
        ("noise", "noise hits the wanted camera model no more than chance", lambda: _noise(group)),
        (
            "limit",
            f"whoever knows the scene forges at least {percent(REACHABLE)} at {LIMIT_PSNR:g} dB",
            lambda: _limit(group),
        ),
        ("calls", "no target was called while crafting, but by white-box attacks", lambda: _calls(group)),
        ("changed", "every attack but identity changed photographs", lambda: _changed(group)),
        ("disjoint", "test photographs share nothing with q and p", lambda: _disjoint(group, summary)),
    )
    key = ("gates", summary.model_dump_json() if summary is not None else "")
    if key not in group.derived:
        theirs = [gate for paper in papers() for gate in paper.gates(group)]
        group.derived[key] = theirs + [Gate(key, title, *check()) for key, title, check in checks]
    found: list[Gate] = group.derived[key]
    return found


def gates_table(group: Group, summary: DatasetSummary | None) -> Table:
    """Build the table of gates, a row each."""
    rows = [
        Row(gate.key, gate.title, (Entry(gate.word), Entry(gate.figures)), ranked=False)
        for gate in gates(group, summary)
    ]
    return Table(
        number="gates",
        title="Gates",
        caption=(
            "What must hold of any honest run, checked on these cells.",
            captions.setting(group),
            captions.command("gates", group, show_published=False),
        ),
        corner="Gate",
        columns=(Column("result", "Result", "text"), Column("figures", "Figures", "text")),
        rows=tuple(rows),
        remarks=captions.left_out(group),
        facts=group.facts,
    )


def unchanging(cell: Cell) -> bool:
    """Say whether a cell is of the control that leaves every photograph as it is."""
    return cell.attack.control and not any(rates.changed_images(cell))


def attack_row_key(cell: Cell) -> str:
    """Return the key of the row that a cell is in."""
    return AttackRow(*attack_key(cell), "").key


def percent(value: float) -> str:
    """Return a share as text: '43.5 %'."""
    return f"{100 * value:.1f} %"


def _transfer(group: Group) -> tuple[bool | None, str]:
    if group.condition not in UNCOMPRESSED:
        return None, "compression does not take the same from an evaluator and from targets"
    found = []
    # A target names the wanted camera model by mistake, too; DDN, which changes next to nothing, has no other success.
    unchanged = {(c.target.name, c.split.name): rates.tsr(c) or 0.0 for c in group.cells if unchanging(c)}
    for attack in group.attacks:
        for split in SPLITS:
            own = group.surrogate(attack, split)
            # The evaluator tells the attacker's camera models apart, as targets of complete overlap do.
            cells = [c for c in group.of(attack, split) if c.target.overlap == "complete"]
            rate = intervals.mean_rate(cells, "tsr")
            if own is not None and rate is not None:
                text = f"{attack.label} {split} {percent(own)}, targets {percent(rate.value)}"
                mistakes = mean([unchanged.get((c.target.name, split), 0.0) for c in cells])
                found.append((own + mistakes >= rate.low, text))
    if not found:
        return None, "no attack with an evaluator of its own"
    wrong = [text for good, text in found if not good]
    return not wrong, "; ".join(wrong or [text for _, text in found])


def _identity(group: Group) -> tuple[bool | None, str]:
    cells = [c for c in group.cells if unchanging(c)]
    if not cells:
        return None, "identity has not been run"
    if group.settings.get("limit") is not None:
        return None, "a part of the photographs was attacked, and clean predictions are of all"
    if group.condition not in UNCOMPRESSED:
        return None, "compression changes photographs that identity leaves alone"
    wrong = []
    for cell in cells:
        clean = np.asarray(cell.target.clean)
        expected = np.zeros_like(cell.counts)
        for i, true in enumerate(cell.split.classes):
            for wanted in range(cell.dataset.known):
                if wanted != true:
                    expected[i, wanted] = clean[i]
        found = cell.counts
        if group.settings.get("wanted") is not None:
            # Which photographs want which model is not in the clean predictions: all that want some model are compared.
            found, expected = found.sum(1), clean * group.settings["wanted"]
        if not np.array_equal(expected, found):
            wrong.append(f"{cell.target.name} ({cell.split.name})")
    if wrong:
        return False, f"not so for {', '.join(wrong)}"
    return True, f"{len(cells)} of {len(cells)} cells"


def _noise(group: Group) -> tuple[bool | None, str]:
    parts, good = [], True
    for split in SPLITS:
        cells = [c for c in group.cells if c.attack.control and not unchanging(c) and c.split.name == split]
        cells = [c for c in cells if c.target.overlap == "complete" and c.attack.knowledge != "oracle"]
        found = intervals.mean_rate(cells, "tsr")
        if found is not None:
            known = cells[0].dataset.known
            # A photograph that is always taken for one class hits it once in all classes that can be wanted; where one
            # of them is, it does so in the mean.
            chance = 1 / (known - 1) if split == "in" else 1 / known
            good &= (found.value if group.settings.get("wanted") is None else found.low) <= chance + 1e-9
            parts.append(f"{split} {percent(found.value)}, chance {percent(chance)}")
    return (good, "; ".join(parts)) if parts else (None, "noise has not been run on a target of complete overlap")


def _limit(group: Group) -> tuple[bool | None, str]:
    row = group.limit
    if row is None:
        return None, f"no attack that knows the scene has been run at {LIMIT_PSNR:g} dB"
    cells = [cell for split in SPLITS for cell in group.of(row, split)]
    found = intervals.mean_rate(cells, "tsr")
    if found is None:
        return None, "too few photographs"
    targets = len({cell.target.name for cell in cells})
    between = f"{percent(found.value)} [{100 * found.low:.1f}, {100 * found.high:.1f}]"
    return found.value >= REACHABLE, f"{row.label} {between} in the mean of {targets} targets"


def _calls(group: Group) -> tuple[bool | None, str]:
    if not group.cells:
        return None, captions.NO_CELL
    wrong = {c.attack.title for c in group.cells if c.craft.target_calls and c.attack.knowledge != "white-box"}
    allowed = {c.attack.title for c in group.cells if c.craft.target_calls and c.attack.knowledge == "white-box"}
    text = f"called by {', '.join(sorted(wrong))}" if wrong else f"0 calls in {len(group.cells)} cells"
    return not wrong, text + (f"; white-box: {', '.join(sorted(allowed))}" if allowed else "")


def _changed(group: Group) -> tuple[bool | None, str]:
    good, parts = True, []
    still = {attack_row_key(c) for c in group.cells if unchanging(c)}
    for attack in group.attacks:
        if attack.control and attack.key in still:
            continue
        counts = [group.psnr(attack, split)[1:] for split in SPLITS]
        unchanged, made = (sum(n) for n in zip(*counts, strict=True))
        good &= unchanged < made
        if unchanged:
            parts.append(f"{attack.label} left {percent(unchanged / made)} as they were")
    if not any(a.key not in still for a in group.attacks):
        return None, "no attack has been run"
    return good, "; ".join(parts) or "all photographs"


def _disjoint(group: Group, summary: DatasetSummary | None) -> tuple[bool | None, str]:
    if summary is None or summary.data_id != group.data_id or summary.shared is None:
        return None, "dataset.json does not say"
    shared = summary.shared
    text = ", ".join(f"{n or 'no'} {what}" for what, n in shared.items() if n is not None)
    unknown: Sequence[str] = [what for what, n in shared.items() if n is None]
    return not any(shared.values()), f"shared: {text}" + (f"; not judged: {', '.join(unknown)}" if unknown else "")
