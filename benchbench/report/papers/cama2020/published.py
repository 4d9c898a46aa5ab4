"""The paper's figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from benchbench.report.published import fraction, read

MEAN = "mean"
COMPARISON = "cama"
"""The row that the paper repeats under its FGSM, PGD and DDN tables."""


@dataclass(frozen=True)
class Layout:
    """What one table of success rates shows, and in which order."""

    number: str
    overlap: str
    split: str
    backbones: tuple[str, ...]
    preprocessors: tuple[str, ...]
    attacks: tuple[str, ...]


Rates = tuple[float | None, float | None]
"""(TSR, USR) as fractions."""


def _number(text: str) -> float | None:
    return float(text) if text else None


@cache
def success_rates() -> dict[tuple[str, str, str, str, str], Rates]:
    """Return {(overlap, split, backbone, preprocessor or "mean", attack): (TSR, USR)}."""
    return {
        (r["overlap"], r["split"], r["backbone"], r["preprocessor"], r["attack"]): (
            fraction(r["tsr"]),
            fraction(r["usr"]),
        )
        for r in read("cama2020_success_rates.csv")
    }


@cache
def layouts() -> dict[str, Layout]:
    """Return the layout of each table of success rates, 2a to 5b and 7a to 10b, in the paper's order."""
    rows: dict[str, list[dict[str, str]]] = {}
    for row in read("cama2020_success_rates.csv"):
        rows.setdefault(row["table"], []).append(row)
    found = {}
    for number, group in rows.items():
        attacks = tuple(dict.fromkeys(r["attack"] for r in group))
        found[number] = Layout(
            number=number,
            overlap=group[0]["overlap"],
            split=group[0]["split"],
            backbones=tuple(dict.fromkeys(r["backbone"] for r in group)),
            preprocessors=tuple(dict.fromkeys(r["preprocessor"] for r in group if r["preprocessor"] != MEAN)),
            attacks=attacks if COMPARISON in attacks else (*attacks, COMPARISON),
        )
    return found


@cache
def psnr() -> dict[str, tuple[float | None, float | None]]:
    """Return {attack: (PSNR in, PSNR out)} in dB, in the paper's order."""
    return {r["attack"]: (_number(r["psnr_in"]), _number(r["psnr_out"])) for r in read("cama2020_psnr.csv")}


@dataclass(frozen=True)
class PublishedModel:
    """One row of the paper's table 1."""

    y: int
    camera_model: str
    q: int | None
    p: int | None
    test: int | None


@cache
def dataset() -> tuple[PublishedModel, ...]:
    """Return the paper's table 1."""
    return tuple(
        PublishedModel(int(r["y"]), r["camera_model"], _count(r["q_data"]), _count(r["p_data"]), _count(r["p_test"]))
        for r in read("cama2020_dataset.csv")
    )


def _count(text: str) -> int | None:
    return int(text) if text else None


@cache
def grid() -> tuple[tuple[str, str, str], ...]:
    """Return the 48 targets of the paper as (overlap, backbone, preprocessor), in the tables' order."""
    found: dict[tuple[str, str, str], None] = {}
    for layout in layouts().values():
        for backbone in layout.backbones:
            for preprocessor in layout.preprocessors:
                found[(layout.overlap, backbone, preprocessor)] = None
    return tuple(found)


def target_name(overlap: str, backbone: str, preprocessor: str) -> str:
    """Return the name of a target of the grid."""
    return f"{backbone}/{preprocessor}/{overlap}"
