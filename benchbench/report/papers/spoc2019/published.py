"""The paper's figures, as fractions and dB."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from benchbench.report.published import read

CLASSIFIERS = ("tuama2016", "bondi2017", "xception", "inceptionv3")
DETECTORS = ("xception", "spec")


@dataclass(frozen=True)
class Sar:
    """A row of tables 4 to 6: PSNR in dB, and the rate on each classifier."""

    psnr: float
    rates: dict[str, float]


@cache
def sar() -> dict[tuple[str, str, str, str], Sar]:
    """Return tables 4 to 6 by (table, condition, trained on, method), in the paper's order."""
    return {
        (r["table"], r["condition"], r["trained_on"], r["method"]): Sar(
            float(r["psnr"]), {name: float(r[name]) / 100 for name in CLASSIFIERS}
        )
        for r in read("spoc2019_sar.csv")
    }


@cache
def detected() -> dict[tuple[str, str, str], float]:
    """Return tables 1 and 2, true positive rates by (table, 'before' or 'after', detector)."""
    return {
        (r["table"], r["condition"].partition("-")[0], name): float(r[name]) / 100
        for r in read("spoc2019_gan_detectors_tpr.csv")
        for name in DETECTORS
    }


@cache
def accuracy() -> dict[str, float]:
    """Return table 3 by classifier."""
    (row,) = read("spoc2019_clean_accuracy.csv")
    return {name: float(row[name]) / 100 for name in CLASSIFIERS}
