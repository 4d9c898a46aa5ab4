"""Which cells stand for which places of the paper's tables."""

from __future__ import annotations

import math

from benchbench.records.cell import Cell
from benchbench.report.groups import Group
from benchbench.report.papers.spoc2019.published import CLASSIFIERS

SYNTHETIC, OFF = "synthetic", "off-training"
"""The two splits: pictures by generators of the training set, and by others."""
METHODS = {
    "identity": "No attack",
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
SETTINGS = {"pgd": {"epsilon": 8 / 255, "steps": 40, "step_size": 40 / 256}}
"""What an attack is set to, where its defaults are another paper's; docs/spoc2019.md has the commands."""


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
    if method == "identity":
        return attack.name == method
    built = frozenset(str(attack.params.get("on", "")).split("+"))
    wanted = SETTINGS.get(method, {})
    as_set = all(math.isclose(float(attack.params.get(k) or 0), v, rel_tol=1e-3) for k, v in wanted.items())
    return attack.name == method and as_set and built == network(trained_on, classifier)


def candidates(group: Group, split: str, method: str, trained_on: str, classifier: str) -> list[Cell]:
    """Return the cells of one place of tables 4 to 6, of whatever other parameters."""
    return [
        cell
        for cell in group.elsewhere
        if cell.split.name == split
        and cell.target.name == classifier
        and of_method(cell, method, trained_on, classifier)
    ]


def place(group: Group, split: str, method: str, trained_on: str, classifier: str) -> Cell | None:
    """Return the cell of one place of tables 4 to 6; None where there is none, or several sets of parameters."""
    found = candidates(group, split, method, trained_on, classifier)
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
