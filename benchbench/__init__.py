"""benchbench: the robustness benchmark for camera-model attribution.

    import benchbench

    results = benchbench.run("cama", "resnet18/*/complete")    # a DataFrame, a row a cell

Names are resolved when they are first used, so that importing this package imports neither torch nor a plugin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchbench.api.running import run
    from benchbench.authoring.conformance import check_attack, check_target, sample_images
    from benchbench.base.errors import AttackError, BenchError, DataError, StoreError, TargetError, UnknownNameError
    from benchbench.base.identity import since
    from benchbench.contracts.attack import ATTACKS, Attack, AttackCard, CraftContext
    from benchbench.contracts.backbone import BACKBONES, Backbone
    from benchbench.contracts.condition import CONDITIONS, Condition
    from benchbench.contracts.fit import Fit, FitContext, Setup
    from benchbench.contracts.layout import LAYOUTS, Layout, PathLayout, PhotoFile
    from benchbench.contracts.measure import MEASURES, Measure
    from benchbench.contracts.network import NETWORKS, Network, networks
    from benchbench.contracts.preprocessor import PREPROCESSORS, Preprocessor
    from benchbench.contracts.profile import Profile, load_profile, profile_names
    from benchbench.contracts.protocol import Protocol
    from benchbench.contracts.registry import Registry
    from benchbench.contracts.scenario import SCENARIOS, Scenario
    from benchbench.contracts.section import Section
    from benchbench.contracts.target import TARGETS, Target, TargetCard
    from benchbench.contracts.task import TASKS, Contributions, Judged, Metric, Task, TaskContext
    from benchbench.contracts.trials import Trials, trials
    from benchbench.data.source import RecipeSource
    from benchbench.harness.options import RunOptions
    from benchbench.harness.run import plan_run
    from benchbench.harness.summary import RunSummary
    from benchbench.learn.external import ExternalTarget
    from benchbench.metrics.rates import psnr_mean, tsr, usr
    from benchbench.records.cache import Cache
    from benchbench.records.cell import Cell
    from benchbench.records.cells import CellStore
    from benchbench.report.frames import load_leaderboard, load_results, load_trials
    from benchbench.report.model import Column, Entry, Row, Table
    from benchbench.report.paper import PAPERS, Paper

__version__ = "0.1.0"

_HOME = {
    "ATTACKS": "contracts.attack",
    "Attack": "contracts.attack",
    "AttackCard": "contracts.attack",
    "AttackError": "base.errors",
    "BACKBONES": "contracts.backbone",
    "Backbone": "contracts.backbone",
    "BenchError": "base.errors",
    "CONDITIONS": "contracts.condition",
    "Cache": "records.cache",
    "Cell": "records.cell",
    "CellStore": "records.cells",
    "Column": "report.model",
    "Condition": "contracts.condition",
    "Contributions": "contracts.task",
    "CraftContext": "contracts.attack",
    "DataError": "base.errors",
    "Entry": "report.model",
    "ExternalTarget": "learn.external",
    "Fit": "contracts.fit",
    "FitContext": "contracts.fit",
    "Judged": "contracts.task",
    "LAYOUTS": "contracts.layout",
    "Layout": "contracts.layout",
    "MEASURES": "contracts.measure",
    "Measure": "contracts.measure",
    "Metric": "contracts.task",
    "NETWORKS": "contracts.network",
    "Network": "contracts.network",
    "PAPERS": "report.paper",
    "PREPROCESSORS": "contracts.preprocessor",
    "Paper": "report.paper",
    "PathLayout": "contracts.layout",
    "PhotoFile": "contracts.layout",
    "Preprocessor": "contracts.preprocessor",
    "Profile": "contracts.profile",
    "Protocol": "contracts.protocol",
    "RecipeSource": "data.source",
    "Registry": "contracts.registry",
    "Row": "report.model",
    "RunOptions": "harness.options",
    "RunSummary": "harness.summary",
    "SCENARIOS": "contracts.scenario",
    "Scenario": "contracts.scenario",
    "Section": "contracts.section",
    "Setup": "contracts.fit",
    "StoreError": "base.errors",
    "TARGETS": "contracts.target",
    "TASKS": "contracts.task",
    "Table": "report.model",
    "Target": "contracts.target",
    "TargetCard": "contracts.target",
    "TargetError": "base.errors",
    "Task": "contracts.task",
    "TaskContext": "contracts.task",
    "Trials": "contracts.trials",
    "UnknownNameError": "base.errors",
    "check_attack": "authoring.conformance",
    "check_target": "authoring.conformance",
    "load_leaderboard": "report.frames",
    "load_profile": "contracts.profile",
    "load_results": "report.frames",
    "load_trials": "report.frames",
    "networks": "contracts.network",
    "plan_run": "harness.run",
    "profile_names": "contracts.profile",
    "psnr_mean": "metrics.rates",
    "run": "api.running",
    "sample_images": "authoring.conformance",
    "since": "base.identity",
    "trials": "contracts.trials",
    "tsr": "metrics.rates",
    "usr": "metrics.rates",
}

__all__ = [  # noqa: RUF022  # the order of the imports above
    "Attack",
    "AttackCard",
    "CraftContext",
    "Cache",
    "Cell",
    "trials",
    "AttackError",
    "BenchError",
    "DataError",
    "StoreError",
    "TargetError",
    "UnknownNameError",
    "Fit",
    "FitContext",
    "Setup",
    "RunSummary",
    "plan_run",
    "run",
    "load_results",
    "load_trials",
    "load_leaderboard",
    "psnr_mean",
    "tsr",
    "usr",
    "Profile",
    "load_profile",
    "profile_names",
    "Protocol",
    "RunOptions",
    "ATTACKS",
    "TARGETS",
    "PREPROCESSORS",
    "BACKBONES",
    "NETWORKS",
    "Network",
    "networks",
    "LAYOUTS",
    "Registry",
    "SCENARIOS",
    "Scenario",
    "Preprocessor",
    "Backbone",
    "Section",
    "Layout",
    "PathLayout",
    "Entry",
    "RecipeSource",
    "CellStore",
    "Target",
    "TargetCard",
    "ExternalTarget",
    "check_attack",
    "check_target",
    "sample_images",
    "CONDITIONS",
    "Condition",
    "MEASURES",
    "Measure",
    "TASKS",
    "Contributions",
    "Judged",
    "Metric",
    "Task",
    "TaskContext",
    "Trials",
    "PAPERS",
    "Paper",
    "Column",
    "Row",
    "Table",
    "since",
    "PhotoFile",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Import the module that defines `name` (PEP 562)."""
    if name in _HOME:
        return getattr(import_module(f"benchbench.{_HOME[name]}"), name)
    raise AttributeError(f"module 'benchbench' has no attribute '{name}'")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
