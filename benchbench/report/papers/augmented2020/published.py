"""The paper's figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from benchbench.report.groups import mean
from benchbench.report.papers.augmented2020.words import KINDS, PARTS, Variant
from benchbench.report.published import fraction, read

MEAN = "mean"
Spread = tuple[float | None, float | None]
"""(mean, standard deviation over targets) as fractions."""


@dataclass(frozen=True)
class Figures:
    """A row of table 2 or 3."""

    tasr: dict[str, Spread]
    """By kind of target, and `MEAN`."""
    uasr: dict[str, Spread]
    """The same; table 3 has none. The means of table 2 are a slip (`kinds_mean`)."""
    lpips: float


@cache
def ablation() -> dict[tuple[str, Variant], Figures]:
    """Return tables 2 (split 'in') and 3 ('out') by split and variant, in the paper's order."""
    found = {}
    for row in read("augmented_cgan2020_ablation.csv"):
        laac = tuple(part for part in PARTS if part in row["laac"].split("+"))
        tasr, uasr = (
            {kind: (fraction(row[f"{rate}_{kind}"]), fraction(row[f"{rate}_{kind}_sd"])) for kind in (*KINDS, MEAN)}
            for rate in ("tasr", "uasr")
        )
        found[row["split"], Variant(laac, row["scfa"] == "1")] = Figures(tasr, uasr, float(row["lpips"]))
    return found


def variants() -> list[Variant]:
    """Return the eight rows of its tables."""
    return [variant for split, variant in ablation() if split == "in"]


def kinds_mean(figures: dict[str, Spread]) -> float:
    """Return the mean over the three kinds, of as many targets each: what the paper's own mean should be."""
    known = [value for kind in KINDS if (value := figures[kind][0]) is not None]
    return mean(known)


@dataclass(frozen=True)
class Model:
    """A row of table 1; patches of 64 x 64 pixels in the sets A and B, photographs in C."""

    s: int
    camera_model: str
    a: int | None
    b: int | None
    c: int


@cache
def dataset() -> tuple[Model, ...]:
    """Return table 1."""
    rows = read("augmented_cgan2020_dataset.csv")
    return tuple(
        Model(int(r["s"]), r["camera_model"], _count(r["set_a"]), _count(r["set_b"]), int(r["set_c"])) for r in rows
    )


def _count(text: str) -> int | None:
    return int(text) if text else None
