"""Cells to tables: the paper's ten, clean accuracies, the leaderboard; as Markdown, LaTeX, CSV, text.

Everything here is a function of cells. It needs neither torch, nor a plugin, nor the photographs.
"""

from benchbench.records.dataset import DatasetSummary, ModelCounts, read_summary, write_summary
from benchbench.report.catalog import table, table_numbers
from benchbench.report.compare import compare
from benchbench.report.formats import FORMATS, render
from benchbench.report.groups import Group, groups
from benchbench.report.leaderboard import cells_csv, leaderboard_csv
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.report.standing import standing
from benchbench.report.writing import differing, gates_of, write_all

__all__ = [
    "FORMATS",
    "Column",
    "DatasetSummary",
    "Entry",
    "Group",
    "ModelCounts",
    "Row",
    "Table",
    "cells_csv",
    "compare",
    "differing",
    "gates_of",
    "groups",
    "leaderboard_csv",
    "read_summary",
    "render",
    "standing",
    "table",
    "table_numbers",
    "write_all",
    "write_summary",
]
