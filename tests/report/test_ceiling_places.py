"""Which attacks the ceiling's picture shows."""

from __future__ import annotations

from collections.abc import Callable

from benchbench.records.cell import Cell
from benchbench.studies.ceiling import ALL, left_out, places


def test_what_few_targets_judged_takes_no_place(make_cell: Callable[..., Cell]) -> None:
    names = ("resnet18/rgb/complete", "resnet18/fd/complete")
    both = [make_cell("cama", name, tsr=tsr) for name, tsr in zip(names, (0.2, 0.6), strict=True)]
    cells = [make_cell("spoc-cgan", names[0], tsr=0.9), *both]
    found = places(cells)
    assert {(p.target, round(p.tsr.value, 2)) for p in found} == {(names[0], 0.2), (names[1], 0.6), (ALL, 0.4)}
    assert left_out(cells) == [cells[0].attack.title]
    assert left_out([]) == places([]) == []
