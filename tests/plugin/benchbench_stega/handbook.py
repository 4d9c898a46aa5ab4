"""A paper: one table, of the strongest attack on each target."""

from typing import Any

from benchbench import Column, Entry, Paper, Row, Table, tsr


class Handbook(Paper):
    name, title, year = "handbook", "A table that the tests print", 2026
    labels = {"shift": "Shift (handbook)"}

    def tables(self) -> list[str]:
        return ["strongest"]

    def table(self, number: str, group: Any, summary: Any, *, show_published: bool) -> Table:
        best: dict[str, Any] = {}
        for cell in group.cells:
            best[cell.target.name] = max(best.get(cell.target.name, cell), cell, key=lambda c: tsr(c) or 0.0)
        rows = [Row(n, n, (Entry(c.attack.title), Entry(tsr(c)))) for n, c in sorted(best.items())]
        columns = (Column("attack", "Attack", "text"), Column("tsr", "TSR"))
        return Table(number, "Strongest attacks", ("The attack with the highest TSR.",), "Target", columns, tuple(rows))
