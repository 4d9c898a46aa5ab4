"""bench doctor."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from benchbench.base.errors import BenchError
from benchbench.cli import options as opt
from benchbench.cli.text import size_text

if TYPE_CHECKING:
    from benchbench.contracts.registry import Registry


def doctor(cache: opt.CacheFolder = None, results: opt.Results = opt.RESULTS) -> None:
    """Say what is installed, which device there is, which plugins failed, and how full the disk is.

    Exit code 1 if a plugin failed, a name is registered twice, or another project's 'benchbench' is installed.

    Example: bench doctor
    """
    from benchbench.base.errors import StoreError
    from benchbench.base.processes import cores
    from benchbench.base.provenance import commit, processor, versions
    from benchbench.learn.precision import instructions
    from benchbench.records.cache import Cache, default_cache
    from benchbench.records.cells import CellStore
    from benchbench_launch import sentence

    print(f"python {platform.python_version()}, {platform.system()} {platform.machine()}")
    print(", ".join(f"{name} {version}" for name, version in versions().items()))
    print(f"commit {commit() or 'none: not a checkout'}")
    print(f"processor: {processor()}, {cores()} cores usable, {instructions()}")
    print(f"accelerator: {_accelerator()}")
    wrong = sentence()
    if wrong:
        print(f"wrong package: {wrong}")
    well = _plugins() and not wrong
    place = Cache(cache or default_cache())
    finished = sum(1 for _ in place.root.glob("fits/*/record.json"))
    print(f"cache: {place.root}  {size_text(place.size())}, {finished} fits")
    print(f"disk: {size_text(shutil.disk_usage(_existing(place.root)).free)} free")
    problems: list[StoreError] = []
    count = sum(1 for _ in CellStore(results).cells(problems=problems))
    print(f"results: {results}  {count} cells" + (f", and {len(problems)} that cannot be read" if problems else ""))
    raise typer.Exit(0 if well and not problems else 1)


def _plugins() -> bool:
    from benchbench.contracts.attack import ATTACKS
    from benchbench.contracts.backbone import BACKBONES
    from benchbench.contracts.condition import CONDITIONS
    from benchbench.contracts.layout import LAYOUTS
    from benchbench.contracts.measure import MEASURES
    from benchbench.contracts.network import NETWORKS
    from benchbench.contracts.preprocessor import PREPROCESSORS
    from benchbench.contracts.scenario import SCENARIOS
    from benchbench.contracts.target import TARGETS
    from benchbench.contracts.task import TASKS
    from benchbench.report.paper import PAPERS

    well = True
    registries: tuple[Registry[Any], ...] = (
        ATTACKS,
        TARGETS,
        PREPROCESSORS,
        BACKBONES,
        LAYOUTS,
        TASKS,
        CONDITIONS,
        MEASURES,
        SCENARIOS,
        NETWORKS,
        PAPERS,
    )
    for registry in registries:
        try:
            count = len(registry.names())
            print(f"{registry.kind}s: {count}" + "".join(f", {p}:NAME" for p in registry.bridges()))
        except BenchError as error:
            well = False
            print(f"{registry.kind}s: {error}")
        for failure in registry.failures():
            well = False
            print(f"  not loaded: {failure}")
    return well


def _accelerator() -> str:
    import torch

    if not torch.cuda.is_available():
        return "none"
    return ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
