"""bench ceiling: what a perfect forger scores within each budget, and the attacks beside it."""

from __future__ import annotations

from typing import Annotated

import typer

from benchbench.cli import options as opt


def ceiling(
    context: typer.Context,
    targets: opt.Targets = ["resnet18/*/complete"],  # noqa: B006  # typer reads the default, nothing changes it
    budgets: Annotated[str, typer.Option(help="PSNR levels of the forger, dB, a comma list.")] = (
        "28,30,32,34,35,36,38,40,42,45"
    ),
    split: Annotated[str, typer.Option(help="in or out: photographs of models that the attacker knows, or others.")] = (
        "in"
    ),
    profile: opt.ProfileName = "quick",
    device: opt.Device = "cpu",
    workers: opt.Workers = 0,
    cache: opt.CacheFolder = None,
    zoo: opt.Networks = True,
    results: opt.Results = opt.RESULTS,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Draw the ceiling: how often a perfect forger moves each target, against its budget, with the attacks below it.

    The forger retakes a photograph with the wanted camera: the same scene, window, light and optics, all other traces
    the wanted camera's own. Where that is louder than the budget it is turned down; it is never amplified. Only virtual
    cameras can tell the scene, so there is no ceiling for a folder of photographs.

    Writes ceiling.csv and ceiling.png under the results folder, with the attacks whose cells lie there for
    all of the targets. The forger's own cells are kept in the cache: what is stopped goes on from there.

    Examples:

      bench ceiling

      bench ceiling --targets all --budgets 30,35,40
    """
    from collections import Counter
    from dataclasses import replace

    from benchbench.base.errors import BenchError
    from benchbench.base.files import file_name, write_atomic
    from benchbench.base.identity import plain
    from benchbench.base.progress import Quiet
    from benchbench.cli.display import display
    from benchbench.contracts.protocol import Protocol
    from benchbench.harness.run import run
    from benchbench.records.cells import CellStore
    from benchbench.report.figures import save
    from benchbench.studies.ceiling import ALL, figure, forgers, left_out, oracle, places, table

    levels = [protocol.budget for protocol in opt.protocols("uint8", budgets, 0)]
    if None in levels:
        raise BenchError(f"--budgets '{budgets}'; numbers of dB with commas between are expected: 30,35,40")
    if len(opt.splits(split)) > 1:
        raise BenchError(f"--split '{split}'; one split at a time is drawn: in or out.")
    asked = opt.request([oracle()], targets, profile, split, "virtual", None, None)
    options = opt.options(device, workers, 16, str(cache) if cache else None, results, zoo=zoo)
    apart = replace(options, results=options.cache / "ceiling")
    protocol = Protocol(wanted=asked.profile.wanted)
    summary = run(
        forgers([level for level in levels if level is not None]),
        asked.targets,
        asked.splits,
        protocols=[protocol],
        profile=asked.profile,
        source=asked.source,
        options=apart,
        display=Quiet() if quiet else display(),
    )
    if summary.failed or summary.skipped:
        cell, why = (summary.failed + summary.skipped)[0]
        raise BenchError(f"the forger could not be judged by '{cell.target.name}': {why}")
    facts = asked.source.facts(options.cache)
    names = {target.name for target in asked.targets}
    found = {
        cell.cell_id: cell
        for store in (CellStore(apart.results), CellStore(results))
        for cell in store.cells()
        if cell.dataset.data_id == facts.data_id
        and cell.profile == asked.profile.name
        and cell.target.name in names
        and cell.split.name == split
        and cell.protocol == plain(protocol)
        and (cell.attack.knowledge != "oracle" or cell.attack.params.get("psnr") in levels)
    }
    standing = places(found.values())
    folder = results / file_name(facts.name) / file_name(asked.profile.name)
    write_atomic(folder / "ceiling.csv", table(standing).encode())
    save(figure(standing, f"{facts.name}, profile {asked.profile.name}, split {split}"), folder / "ceiling.png")
    if not quiet:
        for place in (p for p in standing if p.target == ALL):
            at = "" if place.budget is None else f" within {place.budget:g} dB"
            typer.echo(
                f"{place.attack}{at}: TSR {100 * place.tsr.value:.1f} "
                f"[{100 * place.tsr.low:.1f}, {100 * place.tsr.high:.1f}] at {place.psnr:.1f} dB"
            )
        for title, count in Counter(left_out(found.values())).items():
            sets = f" with {count} sets of parameters" if count > 1 else ""
            typer.echo(f"{title}{sets}: left out, since some of these targets have not judged it.")
        typer.echo(f"{folder / 'ceiling.csv'}, {folder / 'ceiling.png'}")
