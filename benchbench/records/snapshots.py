"""Snapshots of whole stores: packed, merged, compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchbench.base.errors import StoreError
from benchbench.base.files import write_atomic
from benchbench.records.cell import Cell
from benchbench.records.cells import CellStore
from benchbench.records.dataset import read_summary, summary_path, write_summary
from benchbench.records.packs import packed


def pack(stores: Sequence[CellStore], out: Path) -> list[Path]:
    """Write the packs of all cells of some stores under `out`, with those that stand there, and return their paths.

    The summaries of their data sets go along: what captions must say stands there.

    Raises:
        StoreError: a cell cannot be read, two stores hold one cell with other outcomes, or a file cannot be written.
    """
    files = packed(merged([*stores, CellStore(out)]))
    for path, text in files.items():
        write_atomic(out / path, text.encode())
    for store in stores:
        for path in sorted(store.results.glob("*/*/dataset*.json")):
            summary = read_summary(path)
            if summary is not None:
                place = summary_path(out / path.parent.relative_to(store.results), summary.data_id)
                if not place.exists():
                    write_summary(place, summary)
    return [out / path for path in files]


def merged(stores: Iterable[CellStore]) -> list[Cell]:
    """Return the cells of several stores, each once.

    Raises:
        StoreError: two stores hold one cell with other outcomes, as another machine may compute it.
    """
    found: dict[tuple[str, ...], Cell] = {}
    for store in stores:
        for cell in store.cells():
            before = found.setdefault(cell.place, cell)
            if before.outcomes != cell.outcomes:
                raise StoreError(f"{_named(cell)} has other outcomes under '{store.results}'; see: bench results diff")
    return list(found.values())


def differences(first: CellStore, second: CellStore) -> list[str]:
    """Return a line for each cell that two stores do not have alike, by attack, target and split.

    Of what made it (commit, versions, seconds) nothing is compared.
    """
    a, b = ({c.place: c for c in store.cells()} for store in (first, second))
    lines = []
    for key in a.keys() | b.keys():
        if key not in b or key not in a:
            lines.append(f"{_named(a.get(key) or b[key])}: only under {(first if key in a else second).results}")
        elif different := list(_different(a[key], b[key])):
            lines.append(f"{_named(a[key])}: {', '.join(different)} differ")
    return sorted(lines)


def _named(cell: Cell) -> str:
    return f"{cell.attack.name} against {cell.target.name}, {cell.split.name} ({cell.cell_id[:12]})"


def _different(a: Cell, b: Cell) -> Iterator[str]:
    """Yield what two records of one cell say otherwise."""
    if a.outcomes != b.outcomes:
        pairs = [(x, y) for n in a.outcomes for x, y in zip(a.outcomes[n], b.outcomes.get(n, ()), strict=False)]
        yield f"{sum(x != y for x, y in pairs)} of {len(pairs)} outcomes"
    if _sums(a) != _sums(b):
        yield "measures"
    if (a.target.clean, a.target.unattacked) != (b.target.clean, b.target.unattacked):
        yield "answers to unattacked photographs"
    if (a.craft.identical, a.craft.clipped) != (b.craft.identical, b.craft.clipped):
        yield "counts of unchanged or clipped values"
    if (a.craft.surrogate_hits, a.craft.stream_hits) != (b.craft.surrogate_hits, b.craft.stream_hits):
        yield "answers of the attack's own evaluator"
    if (a.craft.target_calls, a.craft.facts) != (b.craft.target_calls, b.craft.facts):
        yield "calls or calibrated numbers"


def _sums(cell: Cell) -> dict[str, tuple[tuple[float, ...], tuple[int, ...]]]:
    """Return what every schema keeps of the measures."""
    return {name: (found.sums, found.images) for name, found in cell.craft.measures.items()}
