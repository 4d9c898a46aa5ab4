"""Which cells stand for which places of the paper's tables."""

from __future__ import annotations

from benchbench.records.cell import Cell
from benchbench.report.groups import Group
from benchbench.report.papers.spoc2019.published import CLASSIFIERS

SYNTHETIC, OFF = "synthetic", "off-training"
"""The two splits: pictures by generators of the training set, and by others."""
METHODS = {
    "pgd": "PGD",
    "ti-mi-fgsm": "TI-MI-FGSM",
    "gap": "GAP",
    "adv-cam-id": "Adv-Cam-Id",
    "spoc": "SpoC",
    "spoc-only-embedder": "SpoC, embedder alone",
    "spoc-only-discriminator": "SpoC, discriminator alone",
}
PARTS = {
    "spoc": (True, True),
    "spoc-only-embedder": (False, True),
    "spoc-only-discriminator": (True, False),
}
"""Whether (discriminator, embedder) have a part."""


def network(trained_on: str, classifier: str) -> frozenset[str]:
    """Return the networks that a rival is built on in one place: an ensemble is the three that do not judge it."""
    if trained_on == "ensemble":
        return frozenset(CLASSIFIERS) - {classifier}
    return frozenset({trained_on})


def of_method(cell: Cell, method: str, trained_on: str, classifier: str) -> bool:
    """Say whether a cell's attack is a method of the paper, built on what the place says."""
    attack = cell.attack
    if method in PARTS:
        parts = (attack.params.get("discriminator", True), attack.params.get("embedder", True))
        return attack.name == "spoc" and parts == PARTS[method]
    built = frozenset(str(attack.params.get("on", "")).split("+"))
    return attack.name == method and built == network(trained_on, classifier)


def place(group: Group, split: str, method: str, trained_on: str, classifier: str) -> Cell | None:
    """Return the cell of one place of tables 4 to 6; None where there is none, or several sets of parameters."""
    found = [
        cell
        for cell in group.elsewhere
        if cell.split.name == split
        and cell.target.name == classifier
        and of_method(cell, method, trained_on, classifier)
    ]
    return found[0] if len(found) == 1 else None


def detector(group: Group, split: str, name: str, method: str | None) -> Cell | None:
    """Return the cell of one place of tables 1 and 2; `method` None: before any attack."""
    found = [
        cell
        for cell in group.others
        if cell.split.name == split
        and cell.target.task == "detection"
        and cell.target.name == f"{name}/detector"
        and (cell.attack.name == "identity" if method is None else of_method(cell, method, "none", ""))
    ]
    return found[0] if len(found) == 1 else None
