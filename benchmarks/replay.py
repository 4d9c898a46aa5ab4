"""Training steps on a GPU, recorded once and replayed, and the same steps kernel by kernel; profile quick."""

from __future__ import annotations

import numpy as np
import torch

from benchbench.contracts.attack import ATTACKS
from benchbench.contracts.fit import Setup
from benchbench.contracts.profile import load_profile
from benchbench.learn.patches import PatchSource
from benchbench_attacks._cgan import Game, GeneratorFit
from benchbench_attacks._evaluator import make_evaluator

from .clock import paired_seconds, say
from .photographs import state_of
from .report import Options, Report, Row

KNOWN = 6
STEPS = 20
"""That are timed together."""


def game_of(attack: str, profile_name: str, device: torch.device) -> Game:
    """Return an attack's game with untrained networks on random photographs."""
    profile = load_profile(profile_name)
    setup = Setup(profile=profile, data_id="random", known=KNOWN, classes=KNOWN)
    fits = dict(ATTACKS.create(attack, profile.attacks).fits(setup))
    fit = fits.pop("generator")
    assert isinstance(fit, GeneratorFit)
    size = profile.data["size"]
    photographs = np.random.default_rng(0).integers(0, 256, (2, 10 * KNOWN, size, size, 3), dtype=np.uint8)
    labels = np.arange(10 * KNOWN) % KNOWN
    stacks = list(photographs if fit.remosaiced is not None else photographs[:1])
    source = PatchSource(stacks, labels, np.arange(len(labels)), fit.patch, device)
    networks = {name: f.load(dict(state_of(f)), {}, {}) for name, f in fit.evaluators}
    return fit.game(source, make_evaluator(networks).to(device))


def measure(options: Options) -> Report:
    """Time the steps in turn; on a CPU, where nothing is replayed, no row."""
    report, device = Report("replay"), torch.device(options.device)
    if device.type != "cuda":
        report.notes.append("Steps are replayed on a GPU: `python -m benchmarks --only replay --device cuda`.")
        return report
    for attack in ("cama", "misl-cgan", "spoc-cgan"):
        say(attack)
        game, other = (game_of(attack, "smoke" if options.quick else "quick", device) for _ in range(2))
        other.replayed.record = False
        rng = torch.Generator().manual_seed(0)

        def several(played: Game, rng: torch.Generator = rng) -> None:
            for _ in range(STEPS):
                played.step(rng)

        several(game)
        mine, peer = paired_seconds(lambda: several(game), lambda: several(other), 7, device)  # noqa: B023
        report.rows.append(Row(work=f"a step of {attack}", ours=mine / STEPS, peer=peer / STEPS, wanted=2))
    report.notes.append("Ours is replayed, the peer is the same step kernel by kernel. Medians.")
    return report
