"""Why a cell cannot be computed, is not asked for, or is of something that has changed since; each a sentence."""

from __future__ import annotations

from benchbench.contracts.attack import Attack
from benchbench.contracts.condition import CONDITIONS
from benchbench.contracts.fit import Setup
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.scenario import SCENARIOS
from benchbench.contracts.source import Facts
from benchbench.contracts.target import Target
from benchbench.contracts.task import TASKS
from benchbench.contracts.trials import Split, true_classes
from benchbench.records.cell import Cell

OTHER_PIXELS = "its photographs have other pixels than those here, as other versions of a library render them"


def why_not(attack: Attack, setup: Setup, facts: Facts, split: Split, protocol: Protocol) -> str:
    """Return why cells of a split cannot be computed on these photographs, or an empty string."""
    classes = true_classes(setup.known, setup.classes, split)
    if not classes:
        return f"the data set has no {'known' if split == 'in' else 'unknown'} camera models"
    scenario = SCENARIOS.create(split)
    if reason := scenario.why_not(facts):
        return reason
    lacking = [c for c in classes if not bool((scenario.true(setup, facts.camera) == c).any())]
    if lacking:
        return f"no test photographs of class {lacking[0]}"
    if attack.card.knowledge == "oracle" and not (facts.retakes and scenario.photographs):
        return "it must know the scene; these photographs cannot be taken again by another camera"
    return CONDITIONS.create(protocol.condition).why_not(facts)


def not_asked(target: Target, split: Split) -> str:
    """Return why a target is not asked about the pictures of a split, or an empty string."""
    task, scenario = TASKS.create(target.card.task), SCENARIOS.create(split)
    if not scenario.taken and not task.synthetic:
        return f"task '{task.name}' asks about photographs that cameras took"
    if not scenario.photographs and not task.elsewhere:
        return f"task '{task.name}' asks about devices that took test photographs"
    return ""


def moved(cell: Cell, attack: str, target: str) -> str:
    """Return what has changed in the source files since a cell was computed, without a new version."""
    kinds = (
        ("attack", cell.attack.name, cell.attack.source, attack),
        ("target", cell.target.name, cell.target.source, target),
    )
    changed = [f"{kind} '{name}'" for kind, name, then, now in kinds if then and now and then != now]
    return f"the source of {' and '.join(changed)} has changed since" if changed else ""
