"""The API from a script: no guard is needed, and the classes that it defines reach the workers."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SCRIPT = """
    from dataclasses import dataclass
    from pathlib import Path
    from typing import ClassVar

    from benchbench import ATTACKS, TARGETS, Attack, AttackCard, Protocol, RecipeSource, RunOptions, load_profile, run
    from benchbench.data.virtual.recipe import VirtualRecipe

    print("the script runs")


    @dataclass(frozen=True, kw_only=True)
    class Darker(Attack):
        by: float = 0.9

        card: ClassVar[AttackCard] = AttackCard(
            name="darker", title="Darker", version=1, knowledge="none", targeted=False
        )

        def perturb(self, x, source, target, context):
            return x * self.by


    profile = load_profile("smoke")
    root = Path(__file__).parent
    summary = run(
        [Darker(), ATTACKS.create("noise")],
        [TARGETS.create("resnet18/hp/complete"), TARGETS.create("vgg16/rgb/partial")],
        protocols=[Protocol()],
        profile=profile,
        source=RecipeSource.of(VirtualRecipe(**profile.data)),
        options=RunOptions(workers=2, cache=root / "cache", results=root / "results"),
    )
    print(summary.sentence)
    """


@pytest.mark.slow
def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["the script runs", "8 computed, 0 already there, 0 skipped, 0 failed"]
    assert done.stderr == ""
