"""What must hold of any honest run of the paper's attacks."""

from __future__ import annotations

from benchbench.report.gates import SPLITS, percent
from benchbench.report.groups import AttackRow, Group
from benchbench.report.paper import Gate


def gates(group: Group) -> list[Gate]:
    """Check that the stronger of two attacks on one network is the stronger."""
    return [Gate("pgd", "PGD fools its own evaluator at least as often as FGSM", *_pgd(group))]


def _named(group: Group, name: str) -> list[AttackRow]:
    return [a for a in group.attacks if a.name == name]


def _pgd(group: Group) -> tuple[bool | None, str]:
    pairs = []
    for split in SPLITS:
        for strong in _named(group, "pgd"):
            for weak in _named(group, "fgsm"):
                values = group.surrogate(strong, split), group.surrogate(weak, split)
                if values[0] is not None and values[1] is not None:
                    pairs.append((split, values[0], values[1]))
    if not pairs:
        return None, "PGD and FGSM are not both there"
    text = ", ".join(f"{split} {percent(a)} against {percent(b)}" for split, a, b in pairs)
    return all(a >= b for _, a, b in pairs), text
