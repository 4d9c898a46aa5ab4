"""The second paper: eight variants of one attack against 15 targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from benchbench.records.dataset import DatasetSummary
from benchbench.report.groups import Group
from benchbench.report.model import Table
from benchbench.report.paper import Paper
from benchbench.report.papers.augmented2020.ablation import SPLIT_OF, ablation_table
from benchbench.report.papers.augmented2020.claims import claims_table
from benchbench.report.papers.augmented2020.dataset import dataset_table
from benchbench.report.papers.augmented2020.words import LABELS


class Augmented2020(Paper):
    """Andrews, Zhang & Griffin 2020, Camera model anonymisation with augmented cGANs."""

    name = "augmented2020"
    title = "Camera model anonymisation with augmented cGANs"
    year = 2020
    labels: ClassVar[Mapping[str, str]] = LABELS

    def tables(self) -> Sequence[str]:
        """Return its three tables; another paper has the bare numbers."""
        return ["augmented-1", *SPLIT_OF]

    def table(self, number: str, group: Group, summary: DatasetSummary | None, *, show_published: bool) -> Table:
        """Build one of its tables."""
        if number == "augmented-1":
            return dataset_table(group, summary, show_published=show_published)
        return ablation_table(number, group, show_published=show_published)

    def concerns(self, group: Group) -> bool:
        """Say whether one of its attacks was run, or nothing yet."""
        return not group.cells or any(attack.name in LABELS for attack in group.attacks)

    def claims(self, group: Group) -> Table | None:
        """Return its sentences, held against the cells, where one of its attacks was run."""
        return claims_table(group) if self.concerns(group) else None
