"""The paper of SpoC: six tables of an attack on pictures that no camera took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from benchbench.records.dataset import DatasetSummary
from benchbench.report.groups import Group
from benchbench.report.model import Table
from benchbench.report.paper import Paper
from benchbench.report.papers.spoc2019.claims import claims_table
from benchbench.report.papers.spoc2019.tables import accuracy_table, detectors_table, sar_table

LABELS = {
    "spoc": "SpoC (a generator a model)",
    "ti-mi-fgsm": "TI-MI-FGSM",
    "gap": "GAP",
    "adv-cam-id": "Adv-Cam-Id",
}


class Spoc2019(Paper):
    """Cozzolino et al. 2019, SpoC: spoofing camera fingerprints."""

    name = "spoc2019"
    title = "SpoC: spoofing camera fingerprints"
    year = 2021
    url = "https://arxiv.org/abs/1911.12069"
    labels: ClassVar[Mapping[str, str]] = LABELS

    def tables(self) -> Sequence[str]:
        """Return its six tables; another paper has the bare numbers."""
        return [f"spoc-{number}" for number in range(1, 7)]

    def table(self, number: str, group: Group, summary: DatasetSummary | None, *, show_published: bool) -> Table:
        """Build one of its tables."""
        own = number.removeprefix("spoc-")
        if own in ("1", "2"):
            return detectors_table(own, group, show_published=show_published)
        if own == "3":
            return accuracy_table(group, show_published=show_published)
        return sar_table(own, group, show_published=show_published)

    def concerns(self, group: Group) -> bool:
        """Say whether pictures that no camera took have been attacked."""
        return bool(group.elsewhere) or any(cell.target.task == "detection" for cell in group.others)

    def claims(self, group: Group) -> Table | None:
        """Return its sentences, held against the cells, where there are some of synthetic pictures."""
        return claims_table(group) if self.concerns(group) else None
