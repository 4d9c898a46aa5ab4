"""The fourth paper: four tables of what erases traces, and one of devices, that it does not have."""

from __future__ import annotations

from collections.abc import Sequence

from benchbench.records.dataset import DatasetSummary
from benchbench.report.groups import Group
from benchbench.report.model import Table
from benchbench.report.paper import Paper
from benchbench.report.papers.siamte2020 import tables
from benchbench.report.papers.siamte2020.claims import claims_table
from benchbench.report.papers.siamte2020.methods import BACKBONES


class Siamte2020(Paper):
    """Chen et al. 2020, Camera trace erasing, CVPR."""

    name = "siamte2020"
    title = "Camera trace erasing"
    year = 2020
    url = "https://arxiv.org/abs/2003.06951"

    def attacks(self) -> Sequence[str]:
        """Return none: its attacks have no place in tables of success at forging."""
        return ()

    def tables(self) -> Sequence[str]:
        """Return its tables 1 to 4, then that of devices."""
        return [*(f"siamte-{k}" for k in (1, 2, 3, 4)), "siamte-devices"]

    def table(self, number: str, group: Group, summary: DatasetSummary | None, *, show_published: bool) -> Table:
        """Build one of its tables."""
        if number == "siamte-devices":
            return tables.devices_table(group)
        made = {
            "siamte-1": tables.classification_table,
            "siamte-2": tables.clustering_table,
            "siamte-3": tables.verification_table,
            "siamte-4": tables.ablation_table,
        }[number]
        return made(group, show_published=show_published)

    def concerns(self, group: Group) -> bool:
        """Say whether anything here was judged by an examiner of its tasks."""
        return bool(group.of_cameras.others)

    def shows_filters(self, number: str) -> bool:
        """Say yes: filters are what it compares with."""
        return True

    def examiners(self) -> Sequence[str]:
        """Return those of votes and clusters, of both backbones."""
        return [f"{task}/{backbone}" for task in ("vote", "clustering") for backbone in BACKBONES]

    def claims(self, group: Group) -> Table | None:
        """Return its sentences, held against the cells."""
        return claims_table(group)
