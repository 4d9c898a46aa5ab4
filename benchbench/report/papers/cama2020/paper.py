"""The first paper: ten tables of six attacks against 48 targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import ClassVar, Literal

from benchbench.metrics.rates import usr_is_defined
from benchbench.records.dataset import DatasetSummary
from benchbench.report.groups import Group, mean_or_none
from benchbench.report.model import Table
from benchbench.report.paper import Gate, Paper, Setting
from benchbench.report.papers.cama2020 import published
from benchbench.report.papers.cama2020.claims import claims_table
from benchbench.report.papers.cama2020.dataset import dataset_table
from benchbench.report.papers.cama2020.gates import gates
from benchbench.report.papers.cama2020.quality import clean_table, psnr_table
from benchbench.report.papers.cama2020.success import success_table
from benchbench.report.papers.cama2020.words import BACKBONES, LABELS, PREPROCESSORS, SAME, SOURCES

KINDS = ("same_complete", "same_partial", "transfer_complete", "transfer_partial")
"""The evaluators' architecture or others, complete or partial overlap."""
TARGETS_OF = {kind: len(PREPROCESSORS) * (1 if kind.startswith("same") else len(BACKBONES) - 1) for kind in KINDS}
"""How many targets each has."""


class Cama2020(Paper):
    """Andrews et al. 2020, Conditional adversarial camera model anonymization, ECCV Workshops."""

    name = "cama2020"
    title = "Conditional adversarial camera model anonymization"
    year = 2020
    url = SOURCES["cama"]
    sources: ClassVar[Mapping[str, str]] = SOURCES
    labels: ClassVar[Mapping[str, str]] = LABELS
    backbones: ClassVar[Mapping[str, str]] = BACKBONES
    preprocessors: ClassVar[Mapping[str, str]] = PREPROCESSORS

    def attacks(self) -> Sequence[str]:
        """Return its attacks in the order of its tables."""
        return list(dict.fromkeys([*published.layouts()["2a"].attacks, *published.psnr()]))

    def tables(self) -> Sequence[str]:
        """Return its tables in its order, then that of the targets' clean accuracies."""
        numbers = list(published.layouts())
        later = numbers.index("7a")
        return ["1", *numbers[:later], "6", *numbers[later:], "clean"]

    def table(self, number: str, group: Group, summary: DatasetSummary | None, *, show_published: bool) -> Table:
        """Build one of its tables."""
        if number == "1":
            return dataset_table(group, summary, show_published=show_published)
        if number == "6":
            return psnr_table(group, show_published=show_published)
        if number == "clean":
            return clean_table(group, show_published=show_published)
        return success_table(number, group, show_published=show_published)

    def settings(self) -> Sequence[Setting]:
        """Return its four: the evaluators' architecture or others, complete or partial overlap."""
        found: dict[str, list[str]] = {name: [] for name in KINDS}
        for overlap, backbone, preprocessor in published.grid():
            found[_kind(backbone, overlap)].append(published.target_name(overlap, backbone, preprocessor))
        return [Setting(name, name.split("_")[1], tuple(targets)) for name, targets in found.items()]

    def rate(self, attack: str, rate: Literal["tsr", "usr"]) -> float | None:
        """Return its published mean over its settings and splits, where it gives one for each."""
        return _rate(attack, rate)

    def psnr(self, attack: str) -> tuple[float | None, float | None] | None:
        """Return its table 6."""
        return published.psnr().get(attack)

    def claims(self, group: Group) -> Table:
        """Return its sentences, held against the cells."""
        return claims_table(group)

    def gates(self, group: Group) -> Sequence[Gate]:
        """Return what must hold of its attacks."""
        return gates(group)


def _kind(backbone: str, overlap: str) -> str:
    return f"{'same' if backbone == SAME else 'transfer'}_{overlap}"


@cache
def _rate(attack: str, rate: Literal["tsr", "usr"]) -> float | None:
    means = []
    for kind in KINDS:
        for split in ("in", "out"):
            if rate == "usr" and not usr_is_defined(kind.split("_")[1], split):
                continue
            found = [
                pair[("tsr", "usr").index(rate)]
                for (overlap, s, backbone, preprocessor, name), pair in published.success_rates().items()
                if (s, name) == (split, attack) and preprocessor != published.MEAN and _kind(backbone, overlap) == kind
            ]
            whole = len(found) == TARGETS_OF[kind] and None not in found
            means.append(mean_or_none(found) if whole else _printed(attack, rate, kind, split))
    return mean_or_none(means)


def _printed(attack: str, rate: Literal["tsr", "usr"], kind: str, split: str) -> float | None:
    """Return the mean that the paper prints of a row whose entries are not all there; of several rows, their mean."""
    found = [
        pair[("tsr", "usr").index(rate)]
        for (overlap, s, backbone, preprocessor, name), pair in published.success_rates().items()
        if (s, name) == (split, attack) and preprocessor == published.MEAN and _kind(backbone, overlap) == kind
    ]
    return mean_or_none(found) if len(found) == TARGETS_OF[kind] // len(PREPROCESSORS) else None
