"""benchbench: the robustness benchmark for camera-model attribution.

    from benchbench import ATTACKS, TARGETS, RecipeSource, load_profile, run

Names are resolved when they are first used, so that importing this package imports neither torch nor a plugin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchbench.attack import Attack, AttackCard, CraftContext
    from benchbench.cache import Cache
    from benchbench.cell import Cell
    from benchbench.crossing import trials
    from benchbench.errors import AttackError, BenchError, DataError, StoreError, TargetError, UnknownNameError
    from benchbench.fit import Fit, FitContext, Setup
    from benchbench.harness import RunSummary, plan_run, run
    from benchbench.metrics import psnr_mean, tsr, usr
    from benchbench.profile import Profile, load_profile, profile_names
    from benchbench.protocol import Protocol, RunOptions
    from benchbench.registry import ATTACKS, TARGETS, Registry
    from benchbench.source import RecipeSource
    from benchbench.store import CellStore
    from benchbench.target import Target, TargetCard
    from benchbench.testing import check_attack, check_target

__version__ = "0.1.0"

_HOME = {
    "ATTACKS": "registry",
    "Attack": "attack",
    "AttackCard": "attack",
    "AttackError": "errors",
    "BenchError": "errors",
    "Cache": "cache",
    "Cell": "cell",
    "CellStore": "store",
    "CraftContext": "attack",
    "DataError": "errors",
    "Fit": "fit",
    "FitContext": "fit",
    "Profile": "profile",
    "Protocol": "protocol",
    "RecipeSource": "source",
    "Registry": "registry",
    "RunOptions": "protocol",
    "RunSummary": "harness",
    "Setup": "fit",
    "StoreError": "errors",
    "TARGETS": "registry",
    "Target": "target",
    "TargetCard": "target",
    "TargetError": "errors",
    "UnknownNameError": "errors",
    "check_attack": "testing",
    "check_target": "testing",
    "load_profile": "profile",
    "plan_run": "harness",
    "profile_names": "profile",
    "psnr_mean": "metrics",
    "run": "harness",
    "trials": "crossing",
    "tsr": "metrics",
    "usr": "metrics",
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
    "Registry",
    "RecipeSource",
    "CellStore",
    "Target",
    "TargetCard",
    "check_attack",
    "check_target",
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
