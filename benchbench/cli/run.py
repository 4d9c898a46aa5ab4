"""bench run, bench plan, bench status."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.base.errors import BenchError
from benchbench.cli import options as opt
from benchbench.cli.ending import GATE_FAILED, print_failures, print_standing, write_report
from benchbench.cli.text import columns

if TYPE_CHECKING:
    from benchbench.contracts.protocol import Protocol
    from benchbench.contracts.source import Facts
    from benchbench.harness.options import RunOptions
    from benchbench.harness.plan import Plan, PlannedCell, State


def run(
    attack: opt.Attacks,
    targets: opt.Targets = ["all"],  # noqa: B006  # typer reads the default, nothing changes it
    profile: opt.ProfileName = "quick",
    split: opt.Splits = "in,out",
    condition: opt.Conditions = "uint8",
    budget: opt.Budgets = "native",
    data: opt.Data = "virtual",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    limit: opt.Limit = None,
    seed: opt.Seed = 0,
    seeds: Annotated[
        int, typer.Option(min=1, help="Train and craft with so many seeds, from --seed on; tables show the spread.")
    ] = 1,
    device: opt.Device = "cpu",
    workers: opt.Workers = 0,
    batch: opt.Batch = 16,
    cache: opt.CachePlace = None,
    zoo: opt.Networks = True,
    results: opt.Results = opt.RESULTS,
    measures: opt.Measures = "",
    executor: opt.Executor = "local",
    address: opt.Address = None,
    cpus: opt.Cpus = 1.0,
    gpus: opt.Gpus = None,
    timeout: opt.Timeout = None,
    memory: opt.Memory = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="JOB", help="One piece of `bench plan`, for a scheduler of your own."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and how long it takes.")] = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write the tables afterwards.")] = True,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Draw what each attack does to some photographs.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="DIR", help="Write the crafted photographs too, as `bench verify` reads them."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Attack, classify, and write what is missing.

    Everything that is there already, photographs, networks and cells, is used again. A run that is stopped goes on
    where it was: give the same command. It ends with its result: how the attacks stand, and the reference results on
    the same targets beside them.

    Exit code 1 if something failed or cannot be computed, 2 if the command cannot be understood, 3 if a gate failed:
    then a number should not be believed before somebody has looked.

    Examples:

      bench run --attack cama --targets all

      bench run --attack 'fgsm,pgd[steps=20]' --targets 'resnet18/*/complete'

      bench run --attack all --profile smoke

      bench run --attack all --targets 'resnet18/*/complete' --condition all --budget native,35

      bench run --attack cama --targets 'resnet18/*/complete' --seeds 3

      bench run --attack cama --data ~/photos/dresden --profile paper --device cuda

      bench run --attack cama --executor ray --address auto --cache /shared/bench

      bench run --attack ./my_attack.py --limit 2

      bench run --attack cama --export cama-crafted

      bench run --attack cama --dry-run
    """
    if only and dry_run:
        raise BenchError("--only and --dry-run do not go together; `bench plan` says what each job does.")
    from benchbench.contracts.attack import ATTACKS
    from benchbench.contracts.target import TARGETS

    ATTACKS.left_out.clear()
    TARGETS.left_out.clear()
    asked = opt.request(attack, targets, profile, split, data, rule, scenes, cache)
    options = opt.options(device, workers, batch, cache, results, executor, address, cpus, gpus, zoo)
    room = None if memory is None else int(memory * 1e9)
    options = replace(options, measures=opt.measures(measures), apart=True, timeout=timeout, memory=room)
    from benchbench.harness.run import plan_run
    from benchbench.harness.run import run as run_all

    if export is not None:
        _check_export(asked, opt.protocols(condition, budget, seed, limit), seeds)
    code = 0
    done: list[PlannedCell] = []
    for number in range(seed, seed + seeds):
        arguments = asked.arguments(opt.protocols(condition, budget, number, limit), options, number)
        if seeds > 1:
            print(f"seed {number}")
        if dry_run:
            _print_plan(*plan_run(**arguments), options)
            continue
        from benchbench.cli.display import display

        try:
            summary = run_all(**arguments, display=None if quiet else display(), only=only or ())
        except KeyboardInterrupt:
            print("bench: stopped. What was finished is kept; the same command goes on from here.", file=sys.stderr)
            raise typer.Exit(130) from None
        print(summary.sentence)
        print_failures(summary)
        code = max(code, summary.exit_code)
        done += summary.computed + summary.present
    if report and done and not only:  # many run at a time; `bench report` makes the tables at the end
        gates_hold = write_report(results, [cell.cell_id for cell in done])
        print_standing(results, done)
        code = code or (0 if gates_hold else GATE_FAILED)
    if export is not None and done:
        _export(asked, opt.protocols(condition, budget, seed, limit), options, seed, export, quiet)
    if pictures and done:
        _draw_pictures(asked, options, seed)
    if lacking := _not_loaded(attack, targets):
        print(f"bench: left out, because it could not be loaded or made: {lacking}", file=sys.stderr)
        code = code or 1
    raise typer.Exit(code)


def _not_loaded(attack: list[str], targets: list[str]) -> str:
    """Return what 'all' or a glob would have meant and could not be loaded or made, with the reasons."""
    from benchbench.contracts.attack import ATTACKS
    from benchbench.contracts.target import TARGETS

    asked = ((ATTACKS, attack), (TARGETS, targets))
    failures = [str(failure) for known, texts in asked if "all" in texts for failure in known.failures()]
    return "; ".join(dict.fromkeys([*failures, *ATTACKS.left_out, *TARGETS.left_out]))


def plan(
    context: typer.Context,
    attack: opt.Attacks,
    targets: opt.Targets = ["all"],  # noqa: B006
    profile: opt.ProfileName = "quick",
    split: opt.Splits = "in,out",
    condition: opt.Conditions = "uint8",
    budget: opt.Budgets = "native",
    data: opt.Data = "virtual",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    limit: opt.Limit = None,
    seed: opt.Seed = 0,
    device: opt.Device = "cpu",
    cache: opt.CachePlace = None,
    zoo: opt.Networks = True,
    results: opt.Results = opt.RESULTS,
    as_json: Annotated[bool, typer.Option("--json", help="For a program: names, needs, seconds, commands.")] = False,
) -> None:
    """Print what `bench run` with these options would do, as jobs for a scheduler of your own.

    Each job is a command, `bench run ... --only JOB`, that one process runs once the jobs that it needs have ended,
    with a cache and a results folder that all of them share. `bench report` makes the tables at the end.

    Examples:

      bench plan --attack cama --targets all

      bench plan --attack all --cache /shared/bench --results /shared/results --json > jobs.json
    """
    from benchbench.harness.photographs import photograph_seconds
    from benchbench.harness.run import plan_run
    from benchbench.harness.worklist import record, worklist

    asked = opt.request(attack, targets, profile, split, data, rule, scenes, cache)
    # The device is for the jobs' commands; where this command runs, there may be none.
    options = opt.options("cpu", 1, 16, cache, results, zoo=zoo)
    found, facts = plan_run(**asked.arguments(opt.protocols(condition, budget, seed, limit), options, seed))
    pieces = worklist(found, facts, photograph_seconds(found, facts, options))
    if as_json:
        print(json.dumps(record(pieces, opt.same_options(context, "bench run", leave_out=("as_json",))), indent=1))
        return
    from benchbench.cli.display import duration

    rows = [(p.job, p.label, str(len(p.needs)), duration(p.seconds), str(p.cells or "")) for p in pieces]
    print(columns(("job", "what", "needs", "one core", "cells"), rows))
    print(f"{len(pieces)} jobs, {duration(sum(p.seconds for p in pieces))} on one core")
    _print_reasons(found, "skipped")


def status(
    attack: opt.Attacks = ["all"],  # noqa: B006
    targets: opt.Targets = ["all"],  # noqa: B006
    profile: opt.ProfileName = "quick",
    split: opt.Splits = "in,out",
    condition: opt.Conditions = "uint8",
    budget: opt.Budgets = "native",
    data: opt.Data = "virtual",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    limit: opt.Limit = None,
    seed: opt.Seed = 0,
    cache: opt.CachePlace = None,
    zoo: opt.Networks = True,
    results: opt.Results = opt.RESULTS,
) -> None:
    """Say which cells are present, missing, stale or skipped, why, and what the missing and stale ones need.

    Stale: a cell is there, but of another version, of other photographs or of networks with another recipe; `bench run`
    computes it again. A cell whose attack's or target's source file has changed without a new version stays, and is
    named.

    Examples:

      bench status

      bench status --profile smoke --attack cama --targets 'resnet18/*'
    """
    from benchbench.harness.run import plan_run

    asked = opt.request(attack, targets, profile, split, data, rule, scenes, cache)
    options = opt.options("cpu", 0, 16, cache, results, zoo=zoo)
    plan, facts = plan_run(**asked.arguments(opt.protocols(condition, budget, seed, limit), options, seed))
    from benchbench.harness.plan import STATES

    count = Counter(((c.attack.name, c.protocol.condition, c.protocol.track, c.split), c.state) for c in plan.cells)
    places = dict.fromkeys(place for place, _ in count)
    rows = [(*place, *(str(count[place, state]) for state in STATES)) for place in places]
    print(columns(("attack", "condition", "budget", "split", *STATES), rows))
    _print_plan(plan, facts, options)


def _print_plan(plan: Plan, facts: Facts, options: RunOptions) -> None:
    from benchbench.cli.display import duration
    from benchbench.harness.plan import STATES
    from benchbench.harness.run import stage_seconds

    count = Counter(cell.state for cell in plan.cells)
    print(
        f"{facts.name}, profile {plan.setup.profile.name}, {facts.size} px, {len(facts.camera)} test photographs of "
        f"{len(facts.camera_models)} camera models, {facts.known} known to the attacker"
    )
    for sentence in plan.broken.values():
        print(f"bench: {sentence}", file=sys.stderr)
    print("cells: " + ", ".join(f"{count[state]} {state}" for state in STATES))
    _print_reasons(plan, "stale", "skipped")
    for note, cells in Counter(cell.note for cell in plan.having("present") if cell.note).items():
        print(f"  present, but {note} ({cells} cells); raise the version if results move")
    have = len(plan.fits) - len(plan.missing_fits)
    print(f"fits that missing and stale cells need: {have} present, {len(plan.missing_fits)} missing")
    for fit_id in plan.fits:
        if fit_id in plan.missing_fits:
            print(f"  {plan.fits[fit_id].label}  ({duration(plan.costs[fit_id])} on one core)")
    if plan.wanted:
        seconds = stage_seconds(plan, facts, options)
        parts = ", ".join(f"{stage} {duration(value)}" for stage, value in seconds.items())
        print(f"estimate with {options.workers} workers: {duration(sum(seconds.values()))} ({parts})")


def _print_reasons(plan: Plan, *states: State) -> None:
    for state in states:
        for reason, cells in Counter(cell.reason for cell in plan.having(state)).items():
            print(f"  {state}: {reason} ({cells} cells)")


def _check_export(asked: opt.Request, protocols: list[Protocol], seeds: int) -> None:
    from benchbench.base.errors import BenchError
    from benchbench.harness.crafted import check_exportable

    if seeds > 1:
        raise BenchError("--export takes one seed; leave --seeds out.")
    check_exportable(asked.attacks, protocols, asked.splits)


def _export(
    asked: opt.Request, protocols: list[Protocol], options: RunOptions, seed: int, folder: Path, quiet: bool
) -> None:
    """Write what each attack hands over under each protocol; into folders of their own where there are several."""
    from benchbench.base.files import file_name
    from benchbench.base.progress import Quiet
    from benchbench.cli.display import display
    from benchbench.harness.crafted import export_crafted

    several = len(asked.attacks) * len(protocols) > 1
    for attack in asked.attacks:
        for protocol in protocols:
            words = [attack.name, protocol.condition, *([protocol.track] if protocol.budget is not None else [])]
            place = folder / file_name("-".join(words)) if several else folder
            made = export_crafted(
                attack,
                asked.splits,
                protocol=protocol,
                profile=asked.profile,
                source=asked.source,
                options=options,
                seed=seed,
                folder=place,
                display=Quiet() if quiet else display(),
            )
            print(
                f"crafted photographs: {place}  ({len({one.file for one in made.files})} files; bench verify {place})"
            )


def _draw_pictures(asked: opt.Request, options: RunOptions, seed: int) -> None:
    """Draw with what the run has left in the cache; results stand whether there are pictures or not."""
    import torch

    from benchbench.base.files import file_name
    from benchbench.records.cache import Cache
    from benchbench.records.mirror import Mirror
    from benchbench.studies.pictures import draw

    facts = asked.source.facts(options.cache)
    setup = facts.setup(asked.profile, seed)
    folder = options.results / file_name(facts.name) / file_name(asked.profile.name) / "pictures"
    for attack in asked.attacks:
        try:
            dataset = asked.source.open(options.cache)
            for fit in attack.fits(setup).values() if options.remote else ():
                Mirror(str(options.remote)).fetch(f"fits/{fit.fit_id(setup.data_id)}", options.cache)
            # The device of the jobs may be on another machine.
            device = torch.device(options.device if options.executor == "local" else "cpu")
            draw(attack, dataset, setup, Cache(options.cache), device, seed, folder)
        except BenchError as error:
            print(f"bench: no pictures of '{attack.name}': {error}", file=sys.stderr)
    if folder.is_dir():
        print(f"pictures: {folder}")
