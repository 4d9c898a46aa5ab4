"""What `bench run` is asked for, as the functions behind it take it."""

from __future__ import annotations

from typing import Any

from benchbench.api import words
from benchbench.contracts.attack import ATTACKS
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import TARGETS
from benchbench.contracts.trials import SPLITS
from benchbench.harness.options import RunOptions


def job(profile_name: str, attacks: str, targets: str, options: RunOptions, limit: int | None = None) -> dict[str, Any]:
    """Return what `run` and `plan_run` take for both splits of the virtual cameras.

    Args:
        limit: test photographs of each camera model; None attacks all.
    """
    profile = load_profile(profile_name)
    return {
        "attacks": ATTACKS.resolve(attacks, profile.attacks),
        "targets": TARGETS.resolve(targets),
        "splits": SPLITS,
        "protocols": words.protocols("uint8", "native", 0, limit),
        "profile": profile,
        "source": words.source("virtual", profile, None, cache=options.cache),
        "options": options,
    }
