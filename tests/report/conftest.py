"""Cells with known rates: counts such that TSR and USR are what a test asks for, to the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchbench.base.identity import digest
from benchbench.records.cell import (
    AttackPart,
    Cell,
    CraftPart,
    DatasetPart,
    MeasurePart,
    SplitPart,
    TargetPart,
    TrialsPart,
)
from benchbench.records.column import Column
from benchbench.report.papers.cama2020 import published

MakeCell = Callable[..., Cell]
PER_CLASS = 100
KNOWN = 6


def spread(total: int, places: int) -> list[int]:
    """Divide a whole number over places as evenly as possible."""
    return [total // places + (i < total % places) for i in range(places)]


def counts(split: str, classes: int, tsr: float, usr: float) -> list[list[list[int]]]:
    """Return 100 images a true and wanted class with these rates: 3000 trials in, 3600 out, balanced."""
    true = range(KNOWN) if split == "in" else range(KNOWN, 2 * KNOWN)
    pairs = [(t, w) for t in true for w in range(KNOWN) if t != w]
    hits = spread(round(tsr * PER_CLASS * len(pairs)), len(pairs))
    moved = spread(round(usr * PER_CLASS * len(pairs)), len(pairs))
    table = {t: [[0] * classes for _ in range(KNOWN)] for t in true}
    for (t, w), hit, away in zip(pairs, hits, moved, strict=True):
        row = table[t][w]
        away = max(away, hit)
        row[w] += hit
        # Neither the wanted nor the true class.
        row[next(k for k in range(classes) if k not in (t, w))] += away - hit
        row[t if t < classes else next(k for k in range(classes) if k != w)] += PER_CLASS - away
    return [table[t] for t in true]


def outcomes(true: tuple[int, ...], table: list[list[list[int]]]) -> tuple[tuple[int, ...], ...]:
    """Deal counts out to 100 photographs a class, in order."""
    found = []
    for t, rows in zip(true, table, strict=True):
        lines = [[c for c, n in enumerate(rows[w]) for _ in range(n)] for w in range(KNOWN) if w != t]
        found += list(zip(*lines, strict=True))
    return tuple(found)


def make(
    attack: str = "cama",
    target: str = "resnet18/rgb/complete",
    split: str = "in",
    tsr: float = 0.5,
    usr: float = 0.75,
    *,
    psnr: float | None = 35.0,
    params: dict[str, Any] | None = None,
    title: str | None = None,
    control: bool = False,
    knowledge: str | None = None,
    baseline: bool = False,
    version: int = 1,
    profile: str = "quick",
    dataset: str = "virtual",
    data_id: str = "d" * 32,
    condition: str = "uint8",
    budget: float | None = None,
    clean: float = 0.98,
    utc: str = "2026-01-01T00:00:00+00:00",
) -> Cell:
    """Return one cell; in the split out under complete overlap `usr` has no meaning."""
    backbone, preprocessor, overlap = target.split("/")
    classes = KNOWN if overlap == "complete" else 2 * KNOWN
    true = tuple(range(KNOWN)) if split == "in" else tuple(range(KNOWN, 2 * KNOWN))
    right = round(clean * PER_CLASS)
    confusion = []
    for t in true:
        row = [0] * classes
        row[t if t < classes else 0] = right
        row[(t + 1) % classes] += PER_CLASS - right
        confusion.append(tuple(row))
    trials = [sum(PER_CLASS for t in true if t != w) for w in range(KNOWN)]
    table = counts(split, classes, tsr, usr)
    every = tuple(t for t in true for _ in range(PER_CLASS))
    pairs = [(i, w) for i, t in enumerate(every) for w in range(KNOWN) if w != t]
    spec = {"attack": attack, "params": params or {}, "version": version, "split": split, "data": data_id}
    craft = digest("craft", spec | {"protocol": condition, "budget": budget})
    return Cell(
        cell_id=digest("cell", {"craft": craft, "target": target, "utc": utc}),
        profile=profile,
        dataset=DatasetPart(
            name=dataset,
            data_id=data_id,
            camera_models=tuple(f"Model_{k}" for k in range(1, 13)),
            known=KNOWN,
            size=256,
        ),
        attack=AttackPart(
            name=attack,
            title=title or attack.title(),
            version=version,
            knowledge=knowledge or ("none" if control else "surrogate"),
            control=control,
            baseline=baseline,
            params=params or {},
            fits={},
        ),
        target=TargetPart(
            name=target,
            version=1,
            backbone=backbone,
            preprocessor=preprocessor,
            overlap=overlap,
            params={},
            classes=classes,
            fits={},
            clean=tuple(confusion),
        ),
        split=SplitPart(
            name=split,
            fingerprint="f" * 64,
            images=PER_CLASS * len(true),
            classes=true,
            true=every,
        ),
        protocol={"condition": condition, "budget": budget, "seed": 0, "version": 1},
        craft=CraftPart(
            craft_id=craft,
            trials=TrialsPart(photograph=tuple(i for i, _ in pairs), wanted=tuple(w for _, w in pairs)),
            measures={
                "psnr": MeasurePart(
                    sums=tuple((psnr or 0.0) * n for n in trials),
                    images=tuple(0 if psnr is None else n for n in trials),
                ),
                "ssim": MeasurePart(sums=tuple(0.9 * n for n in trials), images=tuple(trials)),
                "l1": MeasurePart(sums=tuple(2.0 * n for n in trials), images=tuple(trials)),
            },
            identical=tuple(n if psnr is None else 0 for n in trials),
            surrogate_hits=None if control else tuple(trials),
            clipped=0.0,
            target_calls=0,
            facts={},
        ),
        outcomes={"predicted": Column(p for found in outcomes(true, table) for p in found)},
        provenance={"utc": utc},
    )


@pytest.fixture(autouse=True)
def ours_alone(our_papers: None) -> None:
    """No table here is a plugin's."""


@pytest.fixture(scope="session")
def make_cell() -> MakeCell:
    """Return the function that makes one cell."""
    return make


@pytest.fixture(scope="session")
def paper_cells() -> list[Cell]:
    """Return a cell for each readable figure of the paper's 48 targets and six attacks, and two controls."""
    cells = []
    psnr = published.psnr()
    for (overlap, split, backbone, preprocessor, attack), (tsr, usr) in published.success_rates().items():
        if preprocessor == published.MEAN or tsr is None:
            continue
        name = published.target_name(overlap, backbone, preprocessor)
        level = psnr[attack][0 if split == "in" else 1]
        cells.append(make(attack, name, split, tsr, tsr if usr is None else usr, psnr=level))
    for overlap, backbone, preprocessor in published.grid():
        for split in ("in", "out"):
            name = published.target_name(overlap, backbone, preprocessor)
            low = 0.002 if split == "in" else 1 / 6
            cells.append(make("identity", name, split, low, 0.99, psnr=None, control=True, title="No attack"))
            cells.append(make("noise", name, split, 0.99, 0.99, control=True, title="Noise"))
    return cells
