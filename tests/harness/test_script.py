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

    import torch

    from benchbench import Attack, AttackCard, Fit, RecipeSource, RunOptions, Target, TargetCard, run
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


    @dataclass(frozen=True, kw_only=True)
    class Level(Fit):
        kind: ClassVar[str] = "mine/level"
        share: float

        @property
        def label(self):
            return f"level {self.share}"

        def run(self, context):
            return {"level": torch.tensor(self.share * context.data.photos("p").images.mean() / 255)}

        def load(self, state, arrays, needs):
            return Steps(state["level"])


    class Steps(torch.nn.Module):
        def __init__(self, level):
            super().__init__()
            self.level = torch.nn.Parameter(level, requires_grad=False)

        def forward(self, x):
            return -(x.mean((1, 2, 3))[:, None] - self.level * torch.arange(6)).abs()


    @dataclass(frozen=True, kw_only=True)
    class Bright(Target):
        share: float

        @property
        def card(self):
            return TargetCard(name=f"bright-{self.share}", backbone="none", preprocessor="none", overlap="complete")

        def fits(self, setup):
            return {"level": Level(share=self.share)}

        def load(self, networks, device):
            return networks["level"].eval()


    recipe = VirtualRecipe(size=32, scenes=3, q_per_device=1, p_per_device=1, test_per_class=1)
    root = Path(__file__).parent
    found = run(
        [Darker(), "noise"],
        [Bright(share=0.25), Bright(share=0.5)],
        profile="smoke",
        data=RecipeSource.of(recipe),
        options=RunOptions(workers=2, cache=root / "cache", results=root / "results"),
    )
    print(len(found), sorted(set(found["attack"])), found["tsr"].between(0, 1).all())
    """


@pytest.mark.slow
def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["the script runs", "8 ['darker', 'noise'] True"]
    assert done.stderr == ""
