"""What tells things of one name and other parameters apart: a few words after the name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchbench.base.identity import canonical_json, digest
from benchbench.base.names import printable
from benchbench.records.cell import Cell

LONGEST = 40
"""Characters that are shown of a value."""
Sets = Mapping[str, tuple[dict[str, Any], int]]
"""The sets of parameters of one name, with the number of cells of each, by their canonical JSON."""


def suffixes(sets: Sets) -> dict[str, str]:
    """Return " [steps=20]" for each set: the parameters by which it differs from the others of its name.

    A value that more of their cells have than any other goes without saying. No two sets have one suffix.
    """
    usual = _usual(sets.values())
    found = {key: _differing(params, usual) for key, (params, _) in sets.items()}
    often = Counter(found.values())
    return {key: text if often[text] == 1 else f"{text} #{digest('set', key)[:6]}" for key, text in found.items()}


def _usual(sets: Iterable[tuple[dict[str, Any], int]]) -> dict[str, str | None]:
    """Return the parameters that differ, each with the value that goes without saying; None where none does."""
    every = list(sets)
    found: dict[str, str | None] = {}
    for key in sorted({key for params, _ in every for key in params}):
        often: Counter[str] = Counter()
        for params, cells in every:
            often[str(params[key]) if key in params else ""] += cells
        if len(often) > 1:
            (usual, most), (_, next_), *_rest = often.most_common(2)
            found[key] = usual if most > next_ else None
    return found


def _differing(params: dict[str, Any], usual: Mapping[str, str | None]) -> str:
    shown = []
    for key, value in usual.items():
        mine = str(params[key]) if key in params else ""
        if mine != value:
            shown.append(f"{key}={_short(printable(mine))}" if mine else f"no {key}")
    return f" [{', '.join(shown)}]" if shown else ""


def _short(text: str) -> str:
    """Return the beginning of a text and, since a path's end tells more, its end."""
    return text if len(text) <= LONGEST else f"{text[:9]}...{text[-28:]}"


def named_apart(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells, of which targets that have one name and other parameters are named with these."""
    found: dict[str, dict[str, tuple[dict[str, Any], int]]] = {}
    for cell in cells:
        mine = found.setdefault(cell.target.name, {})
        key = canonical_json(cell.target.params)
        mine[key] = cell.target.params, mine.get(key, ({}, 0))[1] + 1
    several = {name: suffixes(mine) for name, mine in found.items() if len(mine) > 1}
    if not several:
        return list(cells)

    def named(cell: Cell) -> Cell:
        target = cell.target
        if target.name not in several:
            return cell
        name = target.name + several[target.name][canonical_json(target.params)]
        return cell.model_copy(update={"target": target.model_copy(update={"name": name})})

    return [named(cell) for cell in cells]
