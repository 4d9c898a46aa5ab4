"""bench verify: score a folder of crafted photographs, from whoever made it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbench.cli import options as opt
from benchbench.cli.ending import GATE_FAILED, print_failures, print_standing, write_report


def verify(
    folder: Annotated[Path, typer.Argument(help="Crafted photographs with their manifest.json.")],
    targets: opt.Targets = ["all"],  # noqa: B006  # typer reads the default, nothing changes it
    profile: Annotated[
        str | None, typer.Option("--profile", "-p", help="By name or as a TOML file; default: the manifest's.")
    ] = None,
    data: opt.Data = "virtual",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    seed: Annotated[int, typer.Option(help="Of the targets' training.")] = 0,
    device: opt.Device = "cpu",
    workers: opt.Workers = 0,
    batch: opt.Batch = 16,
    cache: opt.CachePlace = None,
    zoo: opt.Networks = True,
    results: opt.Results = opt.RESULTS,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Score a folder of crafted photographs against targets, and say how it stands.

    The files are what targets see, whoever made them and however: an attack without code enters the leaderboard so. The
    digest of all files is its identity. `bench run --attack identity --export DIR` writes the test photographs with a
    manifest to fill in: change the files and the name, leave "sha256" empty, and give each trial a file of its own.

    Examples:

      bench run --attack cama --export cama-crafted

      bench verify cama-crafted --targets 'resnet18/*/complete'
    """
    from benchbench.base.progress import Quiet
    from benchbench.cli.display import display
    from benchbench.contracts.profile import load_profile
    from benchbench.contracts.target import TARGETS
    from benchbench.harness.crafted import submitted
    from benchbench.harness.photographs import shown_on
    from benchbench.harness.run import run
    from benchbench.records.crafted import read_manifest

    chosen = load_profile(profile or read_manifest(folder).profile)
    judges = TARGETS.resolve(targets)
    options = opt.options(device, workers, batch, cache, results, zoo=zoo)
    source = opt.source(data, chosen, rule, scenes, options.cache)
    shown = Quiet() if quiet else display()
    dataset = source.build(options.cache, options.workers, shown_on(shown), True)
    attack, splits, protocol = submitted(folder, dataset)
    summary = run(
        [attack],
        judges,
        splits,
        protocols=[protocol],
        profile=chosen,
        source=source,
        options=options,
        seed=seed,
        display=shown,
    )
    print(f"{attack.name}, photographs {attack.photographs[:12]}: {summary.sentence}")
    print_failures(summary)
    done = summary.computed + summary.present
    hold = True
    if done:
        hold = write_report(results, [cell.cell_id for cell in done])
        print_standing(results, done)
    raise typer.Exit(summary.exit_code or (0 if hold else GATE_FAILED))
