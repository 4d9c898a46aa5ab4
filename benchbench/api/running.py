"""A run with the words of the command line, from a script or a notebook; its result is a table of pandas."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.api import words
from benchbench.base.processes import cores
from benchbench.base.progress import Display
from benchbench.contracts.attack import ATTACKS, Attack
from benchbench.contracts.profile import Profile, load_profile
from benchbench.contracts.source import Source
from benchbench.contracts.target import TARGETS, Target
from benchbench.harness.options import RESULTS, RunOptions
from benchbench.harness.run import run as run_all
from benchbench.records.cells import CellStore
from benchbench.report.frames import cells_frame

if TYPE_CHECKING:
    from pandas import DataFrame


def run(
    attacks: str | Attack | Iterable[str | Attack],
    targets: str | Target | Iterable[str | Target] = "all",
    *,
    profile: str | Profile = "quick",
    data: str | Source = "virtual",
    splits: str = "in,out",
    conditions: str = "uint8",
    budgets: str = "native",
    limit: int | None = None,
    seed: int = 0,
    workers: int = 0,
    device: str = "cpu",
    cache: str | Path | None = None,
    results: str | Path = RESULTS,
    options: RunOptions | None = None,
    display: Display | None = None,
) -> DataFrame:
    """Compute the cells that are missing, and return those that were asked for, a row a cell.

    The same as `bench run`: what is there is used, what is stopped goes on. What fails is named in a warning, and the
    others are returned. Rates are fractions in [0, 1]; the columns are those of `benchbench.load_results`.

    Args:
        attacks, targets: names, comma lists, globs, 'all', paths of Python files, or instances, alone or in a list.
        profile, data: a name, or the thing itself.
        splits, conditions, budgets: as `--split`, `--condition` and `--budget` take them.
        limit: test photographs attacked of each camera model; None: all.
        workers: processes; 0: one a core.
        cache: of networks and photographs; None: the user's.
        results: where cells go.
        options: replaces workers, device, cache and results, and says what they cannot.
        display: shows how far the run is.

    Raises:
        BenchError: an unknown name, or a request that makes no sense.
    """
    chosen = load_profile(profile) if isinstance(profile, str) else profile
    place = Path(cache) if cache is not None else None
    source = words.source(data, chosen, None, cache=place) if isinstance(data, str) else data
    if options is None:
        words.check_device(device)
        options = RunOptions(workers=workers or cores(), device=device, results=Path(results))
        options = replace(options, cache=place) if place is not None else options
    summary = run_all(
        ATTACKS.resolve(attacks, chosen.attacks),
        TARGETS.resolve(targets),
        words.splits(splits),
        protocols=words.protocols(conditions, budgets, seed, limit),
        profile=chosen,
        source=source,
        options=options,
        seed=seed,
        display=display,
    )
    store = CellStore(options.results)
    done = (store.look_up(one.path, one.cell_id) for one in summary.computed + summary.present)
    cells = [cell for cell in done if cell is not None]
    for name, reason in summary.failures.items():
        warnings.warn(reason if name.split()[0] in reason else f"{name}: {reason}", stacklevel=2)
    if not summary.failures and summary.skipped:
        warnings.warn(summary.sentence, stacklevel=2)
    return cells_frame(cells)
