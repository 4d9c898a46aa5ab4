"""What the photographs of an ablation add up to: rates and coefficients with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from benchbench.data.chimera import TRACES
from benchbench.metrics.intervals import LEVEL, Estimate, difference, rate_interval
from benchbench.metrics.samples import Sample
from benchbench.studies.ablation import BANDS, SWITCHES, Band, Reading

Rate = Literal["left", "followed"]
RATES: tuple[Rate, ...] = ("left", "followed")


@dataclass(frozen=True)
class Ablation:
    """The photographs readings at, and the tables that they add up to."""

    readings: Sequence[Reading]
    attacks: Sequence[str]
    targets: Sequence[str]

    def psnr(self) -> dict[str, float]:
        """Return the PSNR of switching, dB, by switch: of the mean squared difference."""
        mean = sum(one.error.sum(0) for one in self.readings) / sum(
            one.values * len(one.error) for one in self.readings
        )
        return {
            name: float(10 * np.log10(255**2 / value))
            for name, value in zip(SWITCHES, np.atleast_1d(mean), strict=True)
        }

    def used(self, target: str, rate: Rate) -> dict[str, Estimate | None]:
        """Return how often a switch moves a target, by switch, with 95 % intervals.

        Args:
            rate: 'left': it no longer says a, of the photographs where it did; 'followed': it says b.
        """
        found: dict[str, Estimate | None] = {}
        for k, name in enumerate(SWITCHES):
            hits, of, strata = [], [], []
            for one in self.readings:
                if one.clean[target] != one.true:
                    continue
                said = one.switched[target][:, k]
                others = np.array([b for b in range(len(said) + 1) if b != one.true])
                hits.append(float((said != one.true).mean() if rate == "left" else (said == others).mean()))
                of.append(len(said))
                strata.append(one.true)
            found[name] = _rate(hits, sum(of), strata)
        return found

    def success(self, attack: str, target: str) -> float:
        """Return the share of what an attack crafted that a target takes for b."""
        return float(np.mean([_hits(one, one.attacked[attack, target]).mean() for one in self.readings]))

    def lacks(self, attack: str, targets: Sequence[str]) -> dict[str, Estimate | None] | None:
        """Return, by trace, how much an attack's success grows where b's trace is there already; mean over targets.

        None where chimeras were not attacked.
        """
        if not all((attack, target) in one.supplied for one in self.readings for target in targets):
            return None
        found: dict[str, Estimate | None] = {}
        for k, trace in enumerate(TRACES):
            gains = [
                float(
                    np.mean(
                        [
                            _hits(one, one.supplied[attack, t][:, k]).mean()
                            - _hits(one, one.attacked[attack, t]).mean()
                            for t in targets
                        ]
                    )
                )
                for one in self.readings
            ]
            found[trace] = _mean(gains, [one.true for one in self.readings])
        return found

    def fakes(self, attack: str, band: Band) -> dict[str, Estimate]:
        """Return the coefficients of an attack's change, by trace, with 95 % intervals.

        Weighted least squares over all photographs; the intervals are of the jackknife over photographs.
        """
        b = BANDS.index(band)
        whole = self._coefficients(attack, b, self.readings)
        count = len(self.readings)
        if count > 2:
            parts = np.stack(
                [
                    self._coefficients(attack, b, [o for j, o in enumerate(self.readings) if j != i])
                    for i in range(count)
                ]
            )
            spread = np.sqrt((count - 1) / count * np.square(parts - parts.mean(0)).sum(0))
            half = student.ppf((1 + LEVEL) / 2, count - 1) * spread
        else:
            half = np.full(len(TRACES), np.inf)
        return {t: Estimate(float(v), float(v - h), float(v + h)) for t, v, h in zip(TRACES, whole, half, strict=True)}

    def explained(self, attack: str, band: Band) -> float:
        """Return the share of an attack's change in a band that the traces explain (R²)."""
        b = BANDS.index(band)
        w = self._coefficients(attack, b, self.readings)
        gained = float(w @ sum(one.projected[attack][b] for one in self.readings))
        total = float(sum(one.power[attack][b] for one in self.readings))
        return gained / total if total else 0.0

    def _coefficients(self, attack: str, band: int, readings: Sequence[Reading]) -> NDArray[np.float64]:
        normal = sum(one.normal[band] for one in readings)
        right = sum(one.projected[attack][band] for one in readings)
        found: NDArray[np.float64] = np.linalg.lstsq(np.asarray(normal), np.asarray(right), rcond=1e-12)[0]
        return found

    def rows(self) -> list[dict[str, Any]]:
        """Return everything as tidy rows: kind, name, trace, band, value, low, high."""
        rows: list[dict[str, Any]] = [
            _row("psnr of the switch", "", name, "", Estimate(v, v, v)) for name, v in self.psnr().items()
        ]
        for target in self.targets:
            for rate in RATES:
                rows += [_row(rate, target, name, "", e) for name, e in self.used(target, rate).items()]
        for attack in self.attacks:
            for band in BANDS:
                rows += [_row("fakes", attack, trace, band, e) for trace, e in self.fakes(attack, band).items()]
                share = self.explained(attack, band)
                rows.append(_row("explained", attack, "all", band, Estimate(share, share, share)))
            for trace, e in (self.lacks(attack, self.targets) or {}).items():
                rows.append(_row("lacks", attack, trace, "", e))
        return rows


def _row(kind: str, name: str, trace: str, band: str, estimate: Estimate | None) -> dict[str, Any]:
    value, low, high = (estimate.value, estimate.low, estimate.high) if estimate is not None else (None,) * 3
    return {"kind": kind, "name": name, "trace": trace, "band": band, "value": value, "low": low, "high": high}


def _hits(one: Reading, said: NDArray[np.int64]) -> NDArray[np.bool_]:
    others = np.array([b for b in range(len(said) + 1) if b != one.true])
    return np.asarray(said == others)


def _rate(shares: Sequence[float], trials: int, strata: Sequence[int]) -> Estimate | None:
    """Return the mean of one share a photograph; photographs are the clusters."""
    if not shares:
        return None
    count = len(shares)
    values = np.array(shares) / count
    return rate_interval([Sample(("", ""), np.array(strata), values, np.full(count, 1 / count), trials)])


def _mean(gains: Sequence[float], strata: Sequence[int]) -> Estimate | None:
    count = len(gains)
    full = np.full(count, 1 / count)
    first = Sample(("", ""), np.array(strata), np.array(gains) / count, full, count)
    second = Sample(("", ""), np.array(strata), np.zeros(count), full, count)
    return difference([first], [second])
