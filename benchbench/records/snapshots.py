"""Snapshots of whole stores: packed, merged, compared."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchbench.base.errors import StoreError
from benchbench.base.files import write_atomic
from benchbench.records.cell import Cell
from benchbench.records.cells import CellStore
from benchbench.records.packs import packed


def pack(store: CellStore, out: Path) -> list[Path]:
    """Write the packs of all cells of a store under `out` and return their paths.

    Raises:
        StoreError: a cell cannot be read, or a file cannot be written.
    """
    files = packed(store.cells())
    for path, text in files.items():
        write_atomic(out / path, text.encode())
    return [out / path for path in files]


def merged(stores: Iterable[CellStore]) -> list[Cell]:
    """Return the cells of several stores, each once.

    Raises:
        StoreError: two stores hold one cell with other outcomes, as another machine may compute it.
    """
    found: dict[tuple[str, str], Cell] = {}
    for store in stores:
        for cell in store.cells():
            before = found.setdefault((cell.cell_id, cell.split.fingerprint), cell)
            if before.outcomes != cell.outcomes:
                what = f"{cell.attack.name} against {cell.target.name}, {cell.split.name} ({cell.cell_id[:12]})"
                raise StoreError(f"{what} has other outcomes under '{store.results}'; see: bench results diff")
    return list(found.values())


def differences(first: CellStore, second: CellStore) -> list[str]:
    """Return a line for each cell that two stores do not have alike, by attack, target and split."""
    a, b = ({c.cell_id: c for c in store.cells()} for store in (first, second))
    lines = []
    for key in a.keys() | b.keys():
        cell = a.get(key) or b[key]
        what = f"{cell.attack.name} against {cell.target.name}, {cell.split.name} ({key[:12]})"
        if key not in b or key not in a:
            lines.append(f"{what}: only under {(first if key in a else second).results}")
        elif a[key].outcomes != b[key].outcomes:
            pairs = [
                (x, y)
                for n in a[key].outcomes
                for x, y in zip(a[key].outcomes[n], b[key].outcomes.get(n, ()), strict=False)
            ]
            lines.append(f"{what}: {sum(x != y for x, y in pairs)} of {len(pairs)} outcomes differ")
        elif _sums(a[key]) != _sums(b[key]):
            lines.append(f"{what}: measures differ")
    return sorted(lines)


def _sums(cell: Cell) -> dict[str, tuple[tuple[float, ...], tuple[int, ...]]]:
    """Return what every schema keeps of the measures."""
    return {name: (found.sums, found.images) for name, found in cell.craft.measures.items()}
