"""The paper's methods: what its tables call them, which attack that is here, and its figures for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from benchbench.report.erasing import Place, judged
from benchbench.report.groups import Group
from benchbench.report.published import read

BACKBONES = {"resnet50": "ResNet-50", "densenet201": "DenseNet-201"}
USUAL: dict[str, dict[str, Any]] = {
    "siamte": {"similarity": True, "fidelity": True, "identity": True, "fidelity_weight": 1000, "strength": 1},
    "dn-e": {"strength": 1},
    "dn-i": {"strength": 1},
    "deblock": {"quality": 80},
}
"""Parameters of an attack that tell the paper's from variants of it, where there are some."""


@dataclass(frozen=True)
class Method:
    """A row of the paper's tables."""

    key: str
    """In the files of its figures."""
    label: str
    attack: str
    params: Mapping[str, Any] = field(default_factory=dict)
    """Where they are not the usual ones."""


METHODS = (
    Method("ori", "ORI", "identity"),
    Method("mf3", "MF3", "median-3"),
    Method("mf5", "MF5", "median-5"),
    Method("gf3", "GF3", "gaussian-3"),
    Method("gf5", "GF5", "gaussian-5"),
    Method("cp30", "CP30", "jpeg-30"),
    Method("cp40", "CP40", "jpeg-40"),
    Method("cp50", "CP50", "jpeg-50"),
    Method("ad1", "AD1", "ad-1"),
    Method("ad2", "AD2", "ad-2"),
    Method("db", "DB", "deblock"),
    Method("dn-i", "DN-I", "dn-i"),
    Method("dn-e", "DN-E", "dn-e"),
    Method("siamte", "SiamTE", "siamte"),
    Method("siamte-500", "SiamTE, fidelity weight 500", "siamte", {"fidelity_weight": 500}),
)
WHOLE = METHODS[-2]
ABLATION = (
    WHOLE,
    Method("no-similarity", "without embedded similarity", "siamte", {"similarity": False}),
    Method("no-fidelity", "without truncated fidelity", "siamte", {"fidelity": False}),
    Method("no-identity", "without cross identity", "siamte", {"identity": False}),
)
BY_KEY = {method.key: method for method in (*METHODS, *ABLATION)}
_SWITCHES = ("embedded_similarity", "truncated_fidelity", "cross_identity")


def found(group: Group, method: Method) -> tuple[str, str] | None:
    """Return which of a group's attacks is a method: (name, parameters), or None.

    Where an attack of this name was run once, it is that one, whatever a profile set; a method with parameters of its
    own needs them.
    """
    import json

    mine = [key for key in judged(group) if key[0] == method.attack]
    if len(mine) == 1 and method.attack not in ("siamte",):
        return mine[0]
    wanted = USUAL.get(method.attack, {}) | dict(method.params)
    fitting = [key for key in mine if all(json.loads(key[1]).get(name) == value for name, value in wanted.items())]
    return fitting[0] if len(fitting) == 1 else None


def cells_of(group: Group, method: Method) -> dict[Place, Any]:
    """Return the cells of a method by target and split; none where it was not run."""
    key = found(group, method)
    return judged(group)[key] if key is not None else {}


def clustered(group: Group) -> str:
    """Return the split of table 2: as many models as the paper clusters where that was run, else the unknown ones."""
    return "unseen" if any(cell.split.name == "unseen" for cell in group.of_cameras.others) else "out"


def _number(text: str) -> float | None:
    return float(text) if text else None


@cache
def figures(name: str) -> dict[str, dict[str, float | None]]:
    """Return a file of figures: by method, by column, as the paper gives them."""
    rows = list(read(f"siamte2020_{name}.csv"))
    if name == "ablation":
        keys = {"111": "siamte", "011": "no-similarity", "101": "no-fidelity", "110": "no-identity"}
        return {
            keys["".join(row[s] for s in _SWITCHES)]: {k: _number(v) for k, v in row.items() if k not in _SWITCHES}
            for row in rows
        }
    first = next(iter(rows[0]))
    return {row[first]: {k: _number(v) for k, v in row.items() if k != first} for row in rows}


def figure(name: str, method: str, column: str) -> float | None:
    """Return one of its figures, or None where it gives none."""
    return figures(name).get(method, {}).get(column)
