"""What it costs that an attack crafts in a process of its own: the main job with it and without, in turn.

The main job is Cama against all targets of the grid, a worker a core, on photographs of the profile's size and
untrained networks, from an empty results folder to written cells.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from benchbench.base.processes import cores
from benchbench.contracts.attack import ATTACKS
from benchbench.contracts.profile import load_profile
from benchbench.contracts.protocol import Protocol
from benchbench.harness.options import RunOptions
from benchbench.harness.run import run

from .clock import paired_seconds, say
from .photographs import RandomPhotographs, no_progress, prefill, targets
from .report import Options, Report, Row

WANTED = 1 / 1.05
"""At most 5 % slower."""


def measure(options: Options) -> Report:
    """Time the main job both ways."""
    profile = load_profile("smoke" if options.quick else "quick")
    attack, chosen = (
        ATTACKS.create("noise" if options.quick else "cama"),
        targets("all")[: 2 if options.quick else None],
    )
    source = RandomPhotographs(profile.data["size"], test=1 if options.quick else 16)
    with tempfile.TemporaryDirectory() as folder:
        cache, results = Path(folder) / "c", Path(folder) / "r"
        source.build(cache, 1, no_progress)
        prefill(cache, source.facts(cache).setup(profile, 0), [*chosen, attack])

        def job(isolated: bool) -> None:
            say("in a process of its own" if isolated else "in the process that judges")
            shutil.rmtree(results, ignore_errors=True)
            shutil.rmtree(cache / "clean", ignore_errors=True)
            places = RunOptions(workers=cores(), apart=True, isolated=isolated, cache=cache, results=results)
            protocols = [Protocol()]
            summary = run(
                [attack], chosen, ("in",), protocols=protocols, profile=profile, source=source, options=places
            )
            if len(summary.computed) != len(chosen):
                raise RuntimeError(f"{summary.sentence}: {summary.failures}")

        apart, together = paired_seconds(lambda: job(True), lambda: job(False), 1 if options.quick else 3)
    report = Report("isolation")
    work = f"{attack.name} against {len(chosen)} targets; peer: attack and judge in one process"
    report.rows.append(Row(work=work, ours=apart, peer=together, wanted=WANTED))
    return report
