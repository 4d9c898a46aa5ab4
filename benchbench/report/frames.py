"""Results as tables of pandas: a row a cell, a row a trial, a row an attack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import DataError, StoreError
from benchbench.base.identity import canonical_json
from benchbench.records.cell import Cell
from benchbench.records.cells import CellStore
from benchbench.records.reference import has_cells, reference_results
from benchbench.report.groups import groups
from benchbench.report.leaderboard import all_rows, cell_columns, cell_row, leaderboard_columns, setting

if TYPE_CHECKING:
    from pandas import DataFrame

_TRUTH = ("control", "baseline")


def read_cells(results: str | Path = "runs") -> list[Cell]:
    """Return the cells of a results folder; 'reference' is that of the results that come with benchbench.

    Raises:
        DataError: there is no cell.
        StoreError: a cell that cannot be read.
    """
    folder = Path(results)
    if results == "reference" and not folder.exists():
        folder = reference_results()
    if not has_cells(folder):
        raise DataError(
            f"no cell under '{results}'; 'bench run' computes some, 'reference' names those that come along."
        )
    problems: list[StoreError] = []
    found = list(CellStore(folder).cells(problems=problems))
    if problems:
        raise problems[0]
    return found


def load_results(results: str | Path = "runs") -> DataFrame:
    """Return a row a cell: one attack against one target on one split, with its rates, intervals and distortion.

    Rates are fractions in [0, 1], PSNR is in dB; what is not defined is NaN. The columns are those of cells.csv.

    Args:
        results: a results folder, or 'reference' for the results that come with benchbench.

    Raises:
        DataError: there is no cell. StoreError: a cell that cannot be read.
    """
    return cells_frame(read_cells(results))


def load_trials(results: str | Path = "runs") -> DataFrame:
    """Return a row a trial: one photograph, crafted for one wanted camera model, and what one target made of it.

    `true`, `wanted` and `predicted` are camera models by name, `drawn 12` where a scenario draws more than the data set
    has, None where no camera took the picture; `photograph` numbers those of a split from 0; measures have a value
    where the trial has one. `params` and `target_params` are JSON.

    Args:
        results: see `load_results`.
    """
    return trials_frame(read_cells(results))


def load_leaderboard(results: str | Path = "runs") -> DataFrame:
    """Return a row an attack, best first: rank, mean TSR and USR with intervals. The columns are leaderboard.csv's.

    Args:
        results: see `load_results`.
    """
    from pandas import DataFrame

    return _typed(DataFrame(all_rows(groups(read_cells(results))), columns=list(leaderboard_columns())))


def cells_frame(cells: Iterable[Cell]) -> DataFrame:
    """Return cells as `load_results` does."""
    from pandas import DataFrame

    cells = list(cells)
    return _typed(DataFrame([cell_row(cell) for cell in cells], columns=list(cell_columns(cells))))


def _typed(frame: DataFrame) -> DataFrame:
    """Give columns their types: what is missing everywhere is a column of NaN, and no column of objects."""
    empty = [name for name in frame.columns if len(frame) and frame[name].isna().all()]
    frame = frame.astype(dict.fromkeys(empty, float))
    for name in _TRUTH:
        frame[name] = frame[name] == "true"
    return frame


def _names(models: Sequence[str], classes: NDArray[Any]) -> NDArray[Any]:
    """Return classes by name: None for no camera, a number for a model that is none of the data set's."""
    found = {k: None if k < 0 else models[k] if k < len(models) else f"drawn {k}" for k in set(classes.tolist())}
    return np.array([found[k] for k in classes.tolist()], object)


def trials_frame(cells: Iterable[Cell]) -> DataFrame:
    """Return trials as `load_trials` does."""
    from pandas import DataFrame, concat

    parts = []
    for cell in cells:
        models = cell.dataset.camera_models
        image = np.array(cell.craft.trials.photograph, np.int64)
        columns: dict[str, Any] = {
            **setting(cell),
            "attack": cell.attack.name,
            "params": cell.attack.key[1],
            "target": cell.target.name,
            "target_params": canonical_json(cell.target.params),
            "split": cell.split.name,
            "photograph": image,
            "true": _names(models, np.array(cell.split.true, np.int64)[image]),
            "wanted": _names(models, np.array(cell.craft.trials.wanted, np.int64)),
        }
        for name, values in cell.outcomes.items():
            named = name == "predicted"
            columns[name] = _names(models, values.numbers) if named else values.numbers.astype(np.float64)
        for name, measure in cell.craft.measures.items():
            if measure.values is not None:
                columns[name] = measure.values.numbers.astype(np.float64)
        parts.append(DataFrame(columns | {"cell_id": cell.cell_id}))
    return concat(parts, ignore_index=True) if parts else DataFrame()
