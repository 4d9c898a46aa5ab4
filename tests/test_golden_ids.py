"""Identities do not move by themselves: a file or class that gets another name, or a new field, must change none.

    python tests/test_golden_ids.py      writes the file anew; say in CHANGELOG.md which ids moved, and why

Results and networks are found by these ids. One that moves by accident makes every cell of every user stale.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "golden" / "ids.json"
PROFILES = ("smoke", "quick", "paper")
ATTACKS = "cama,misl-cgan,spoc-cgan,fgsm,pgd,pgd[steps=20],ddn,identity,noise,siamte,dn-e,ad-2"
GRID = "resnet*/*,densenet*/*,vgg*/*,siamte2020:*"
"""Not all: another test may have installed a plugin in this process."""


def ids_of(name: str) -> dict[str, Any]:
    """Return every fit id by label, and every craft and cell id, of a profile's virtual cameras."""
    from benchbench.cli.options import request, source
    from benchbench.contracts.fit import collect
    from benchbench.contracts.profile import load_profile
    from benchbench.contracts.protocol import Protocol
    from benchbench.harness.plan import attack_fits, identities, target_fits

    profile = load_profile(name)
    asked = request([ATTACKS], [GRID], name, "in,out", "virtual", None, None)
    setup = source("virtual", profile, None).facts(Path("/nowhere")).setup(profile, 0)
    roots = {
        f"{thing.name}/{key}": fit
        for thing in (*asked.attacks, *asked.targets)
        for key, fit in thing.fits(setup).items()
    }
    fits: dict[str, list[str]] = {}
    for fit_id, fit in collect(roots, setup.data_id).items():
        fits.setdefault(fit.label, []).append(fit_id)
    of_attacks = {id(a): attack_fits(a, setup) for a in asked.attacks}
    of_targets = {t.name: target_fits(t, setup) for t in asked.targets}
    crossed: dict[str, dict[str, str]] = {}
    for protocol in (
        Protocol(wanted=profile.wanted),
        Protocol(condition="float"),
        Protocol(condition="jpeg-90", budget=35.0, seed=1),
    ):
        for attack in asked.attacks:
            for split in asked.splits:
                key = f"{attack.spec()['name']} {attack.spec()['params']} {split} {protocol.condition} {protocol.track}"
                row = crossed[key] = {}
                for target in asked.targets:
                    ids = {"attack": of_attacks[id(attack)], "target": of_targets[target.name]}
                    craft, cell = identities(attack, target, split, setup, protocol, ids)
                    row["craft"] = craft
                    row[target.name] = cell[:12]
    return {"data_id": setup.data_id, "fits": fits, "cells": crossed}


@pytest.mark.parametrize("name", PROFILES)
def test_ids_are_those_of_the_golden_file(name: str) -> None:
    golden = json.loads(GOLDEN.read_text())[name]
    found = ids_of(name)
    for part in ("data_id", "fits", "cells"):
        assert found[part] == golden[part], f"{part} of '{name}' have moved"


def test_the_golden_file_holds_what_the_committed_results_are_named_by() -> None:
    """The golden ids are not of another benchmark: the published cells are among them."""
    from benchbench.records.cells import CellStore

    golden = json.loads(GOLDEN.read_text())["quick"]["cells"]
    known = {cell for row in golden.values() for cell in row.values()}
    results = Path(__file__).parents[1] / "results"
    found = [
        c
        for c in CellStore(results).cells()
        if c.attack.name in ("cama", "fgsm") and c.protocol["condition"] == "uint8"
    ]
    assert len(found) >= 2 * 96 and {c.cell_id[:12] for c in found if c.protocol["budget"] is None} <= known


if __name__ == "__main__":
    text = {name: ids_of(name) for name in PROFILES}
    GOLDEN.write_text(json.dumps(text, indent=1) + "\n")
