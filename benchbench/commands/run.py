"""bench run, bench status."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.commands import options as opt
from benchbench.commands.text import columns

if TYPE_CHECKING:
    from benchbench.harness import RunSummary
    from benchbench.plan import Plan
    from benchbench.protocol import RunOptions
    from benchbench.source import Facts

_SHOWN = 8
"""Failures named on the screen; the rest are counted."""


def run(
    attack: opt.Attacks,
    targets: opt.Targets = ["all"],  # noqa: B006  # typer reads the default, nothing changes it
    profile: opt.ProfileName = "quick",
    split: opt.Splits = "in,out",
    condition: opt.ConditionName = "uint8",
    data: opt.Data = "virtual",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    seed: opt.Seed = 0,
    device: opt.Device = "cpu",
    workers: opt.Workers = 0,
    batch: opt.Batch = 16,
    cache: opt.CacheFolder = None,
    results: opt.Results = Path("results"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and how long it takes.")] = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write the tables afterwards.")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Attack, classify, and write what is missing.

    Everything that is there already, photographs, networks and cells, is used again. A run that is stopped goes on
    where it was: give the same command.

    Examples:

      bench run --attack cama --targets all

      bench run --attack 'fgsm,pgd[steps=20]' --targets 'resnet18/*/complete'

      bench run --attack all --profile smoke

      bench run --attack cama --data ~/photos/dresden --profile paper --device cuda

      bench run --attack cama --dry-run
    """
    from benchbench.protocol import Protocol

    asked = opt.request(attack, targets, profile, split, data, rule, scenes)
    protocol = Protocol(condition=opt.condition(condition), seed=seed)
    options = opt.options(device, workers, batch, cache, results)
    from benchbench.harness import plan_run
    from benchbench.harness import run as run_all

    if dry_run:
        plan, facts = plan_run(
            asked.attacks,
            asked.targets,
            asked.splits,
            protocol=protocol,
            profile=asked.profile,
            source=asked.source,
            options=options,
            seed=seed,
        )
        _print_plan(plan, facts, options)
        return
    from benchbench.display import display

    try:
        summary = run_all(
            asked.attacks,
            asked.targets,
            asked.splits,
            protocol=protocol,
            profile=asked.profile,
            source=asked.source,
            options=options,
            seed=seed,
            display=None if quiet else display(),
        )
    except KeyboardInterrupt:
        print("bench: stopped. What was finished is kept; the same command goes on from here.", file=sys.stderr)
        raise typer.Exit(130) from None
    print(summary.sentence)
    _print_failures(summary)
    if report and (summary.computed or summary.present):
        _write_report(results)
    raise typer.Exit(summary.exit_code)


def status(
    attack: opt.Attacks = ["all"],  # noqa: B006
    targets: opt.Targets = ["all"],  # noqa: B006
    profile: opt.ProfileName = "quick",
    split: opt.Splits = "in,out",
    condition: opt.ConditionName = "uint8",
    data: opt.Data = "virtual",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    seed: opt.Seed = 0,
    cache: opt.CacheFolder = None,
    results: opt.Results = Path("results"),
) -> None:
    """Say which cells are present, missing or skipped, and what the missing ones need.

    Examples:

      bench status

      bench status --profile smoke --attack cama --targets 'resnet18/*'
    """
    from benchbench.harness import plan_run
    from benchbench.protocol import Protocol

    asked = opt.request(attack, targets, profile, split, data, rule, scenes)
    options = opt.options("cpu", 0, 16, cache, results)
    plan, facts = plan_run(
        asked.attacks,
        asked.targets,
        asked.splits,
        protocol=Protocol(condition=opt.condition(condition), seed=seed),
        profile=asked.profile,
        source=asked.source,
        options=options,
        seed=seed,
    )
    rows = []
    for name in dict.fromkeys(cell.attack.name for cell in plan.cells):
        for part in asked.splits:
            states = Counter(c.state for c in plan.cells if c.attack.name == name and c.split == part)
            rows.append((name, part, *(str(states[state]) for state in ("present", "missing", "skipped"))))
    print(columns(("attack", "split", "present", "missing", "skipped"), rows))
    _print_plan(plan, facts, options)


def _print_plan(plan: Plan, facts: Facts, options: RunOptions) -> None:
    from benchbench.display import duration
    from benchbench.harness import stage_seconds

    count = Counter(cell.state for cell in plan.cells)
    print(
        f"{facts.name}, profile {plan.setup.profile.name}, {facts.size} px, {len(facts.camera)} test photographs of "
        f"{len(facts.camera_models)} camera models, {facts.known} known to the attacker"
    )
    print(f"cells: {count['present']} present, {count['missing']} missing, {count['skipped']} skipped")
    for reason in dict.fromkeys(cell.reason for cell in plan.having("skipped")):
        print(f"  skipped: {reason}")
    have = len(plan.fits) - len(plan.missing_fits)
    print(f"fits the missing cells need: {have} present, {len(plan.missing_fits)} missing")
    for fit_id in plan.fits:
        if fit_id in plan.missing_fits:
            print(f"  {plan.fits[fit_id].label}  ({duration(plan.costs[fit_id])} on one core)")
    if count["missing"]:
        seconds = stage_seconds(plan, facts, options)
        parts = ", ".join(f"{stage} {duration(value)}" for stage, value in seconds.items())
        print(f"estimate with {options.workers} workers: {duration(sum(seconds.values()))} ({parts})")


def _print_failures(summary: RunSummary) -> None:
    for name, reason in list(summary.failures.items())[:_SHOWN]:
        named = name.split()[0] in reason
        print(f"bench: {reason if named else f'{name}: {reason}'}", file=sys.stderr)
    if len(summary.failures) > _SHOWN:
        print(f"bench: and {len(summary.failures) - _SHOWN} more", file=sys.stderr)


def _write_report(results: Path) -> None:
    from benchbench.errors import StoreError
    from benchbench.report import write_all

    problems: list[StoreError] = []
    paths = write_all(results, problems=problems)
    for problem in problems:
        print(f"bench: left out of the tables: {problem}", file=sys.stderr)
    print(f"tables: {', '.join(str(path) for path in sorted({p.parent for p in paths if p.name == 'README.md'}))}")
    print(f"leaderboard: {results / 'leaderboard.csv'}")
