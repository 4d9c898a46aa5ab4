"""What a paper is: its tables over cells, its words for attacks, its claims, and its published numbers.

It stands here and not among the contracts, because it is written against groups of cells and tables.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, ClassVar, Literal

from benchbench.contracts.registry import Registry
from benchbench.records.dataset import DatasetSummary
from benchbench.report.model import Table

Group = Any
"""A `benchbench.report.groups.Group`, which asks papers for their words; naming it here would be a circle."""


@dataclass(frozen=True)
class Gate:
    """One check."""

    key: str
    title: str
    passed: bool | None
    """None: nothing to check it on."""
    figures: str
    """What was found, or what is missing."""

    @property
    def word(self) -> str:
        """Return 'passed', 'FAILED' or 'not checked'."""
        return {True: "passed", False: "FAILED", None: "not checked"}[self.passed]


@dataclass(frozen=True)
class Setting:
    """Targets that a paper averages over together; its settings weigh the same in the leaderboard."""

    name: str
    """In columns of leaderboard.csv, e.g. 'same_complete'."""
    overlap: str
    targets: tuple[str, ...]


class Paper(ABC):
    """A paper; registered under the entry points `benchbench.papers`."""

    name: ClassVar[str]
    title: ClassVar[str]
    year: ClassVar[int]
    """Papers stand in the order of their years, then names."""
    url: ClassVar[str] = ""
    """Where it is read, https://..."""
    sources: ClassVar[Mapping[str, str]] = {}
    """Where the papers of its attacks are read, by the attack's name, for records that do not say it themselves."""
    labels: ClassVar[Mapping[str, str]] = {}
    """What its tables call attacks."""
    backbones: ClassVar[Mapping[str, str]] = {}
    preprocessors: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def tables(self) -> Sequence[str]:
        """Return the names of its tables, in its order; no two papers have one name. Those that begin with a digit
        are its own numbers.
        """

    @abstractmethod
    def table(self, number: str, group: Group, summary: DatasetSummary | None, *, show_published: bool) -> Table:
        """Build one of its tables from one group of cells.

        Args:
            summary: dataset.json, where there is one.
            show_published: set the paper's figures beside ours.
        """

    def concerns(self, group: Group) -> bool:
        """Say whether pages on these cells show its tables; they can be had by name in any case."""
        return True

    def attacks(self) -> Sequence[str]:
        """Return its attacks in the order of its tables."""
        return list(self.labels)

    def settings(self) -> Sequence[Setting]:
        """Return the targets that the leaderboard averages over, if it is this paper's."""
        return ()

    def shows_filters(self, number: str) -> bool:
        """Say whether plain filters are rows of one of its tables; of others they are left out unless asked for."""
        return False

    def examiners(self) -> Sequence[str]:
        """Return the targets of other tasks that the leaderboard of what erases averages over, if it is this paper's;
        the first metric of their tasks is an accuracy.
        """
        return ()

    def rate(self, attack: str, rate: Literal["tsr", "usr"]) -> float | None:
        """Return its published mean over its settings, in [0, 1]."""
        return None

    def psnr(self, attack: str) -> tuple[float | None, float | None] | None:
        """Return its published mean PSNR in dB, in and out."""
        return None

    def claims(self, group: Group) -> Table | None:
        """Hold what it says of its attacks against the cells."""
        return None

    def gates(self, group: Group) -> Sequence[Gate]:
        """Return what must hold of any honest run of its attacks."""
        return ()


PAPERS: Registry[Paper] = Registry("paper", "benchbench.papers", Paper, "--paper")


@cache
def papers() -> tuple[Paper, ...]:
    """Return the papers that are installed here, the oldest first."""
    found = [PAPERS.create(name) for name in PAPERS.names()]
    return tuple(sorted(found, key=lambda paper: (paper.year, paper.name)))


def labels() -> dict[str, str]:
    """Return what papers call attacks."""
    return {name: label for paper in reversed(papers()) for name, label in paper.labels.items()}


def sources() -> dict[str, str]:
    """Return where papers say that attacks were published, by name."""
    return {name: url for paper in reversed(papers()) for name, url in paper.sources.items()}


def attack_order() -> list[str]:
    """Return the papers' attacks, in their order."""
    return list(dict.fromkeys(name for paper in papers() for name in paper.attacks()))


def settings() -> tuple[Setting, ...]:
    """Return the settings of all papers that have some."""
    return _settings(papers())


@lru_cache(maxsize=4)
def _settings(found: tuple[Paper, ...]) -> tuple[Setting, ...]:
    return tuple(setting for paper in found for setting in paper.settings())


def grid() -> tuple[str, ...]:
    """Return the names of all targets of these settings: what the leaderboard is over."""
    return tuple(name for setting in settings() for name in setting.targets)


def examiners() -> tuple[str, ...]:
    """Return the targets that the leaderboard of what erases averages over, of all papers that have some."""
    return tuple(dict.fromkeys(name for paper in papers() for name in paper.examiners()))
