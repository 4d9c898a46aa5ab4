"""bench ablate: which traces targets use, and which of them attacks fake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.base.progress import Display, Quiet
from benchbench.cli import options as opt

if TYPE_CHECKING:
    pass


def ablate(
    context: typer.Context,
    attack: Annotated[
        list[str], typer.Option("--attack", "-a", help="Names, comma lists, globs or 'all', as for `bench run`.")
    ] = ["cama,misl-cgan,spoc-cgan,fgsm,pgd"],  # noqa: B006  # typer reads the default, nothing changes it
    targets: opt.Targets = ["resnet18/*/complete"],  # noqa: B006
    photographs: Annotated[int, typer.Option(help="Of each known camera model.", min=1)] = 4,
    supply: Annotated[
        bool, typer.Option("--supply/--no-supply", help="Also attack photographs that have one trace already.")
    ] = True,
    profile: opt.ProfileName = "quick",
    device: opt.Device = "cpu",
    workers: opt.Workers = 0,
    cache: opt.CacheFolder = None,
    zoo: opt.Networks = True,
    results: opt.Results = opt.RESULTS,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Switch one trace at a time between virtual cameras, and say who uses it and who fakes it.

    Test photographs of each known camera model are taken again with the optics, the sensor, the demosaicing, the color
    and tone, the sharpening and denoising, or the JPEG compression of each other known model. Targets that change their
    mind use that trace. An attack that changes a photograph as the switch does fakes it.

    Writes ablation.csv, ablation.md and ablation.png under the results folder. The networks come from the zoo, or from
    an earlier `bench run`. A photograph that was looked at is kept in the cache: what is stopped goes on from there.

    Examples:

      bench ablate

      bench ablate --attack cama --targets '*/complete' --photographs 8
    """
    from benchbench.base.errors import BenchError
    from benchbench.base.files import file_name, write_atomic
    from benchbench.cli.display import display as shown
    from benchbench.harness.executors import run_jobs
    from benchbench.harness.executors.meter import Meter
    from benchbench.harness.executors.queue import Queue
    from benchbench.harness.photographs import shown_on
    from benchbench.harness.zoo import fits_of
    from benchbench.records.cache import Cache
    from benchbench.records.zoo import Zoo
    from benchbench.report.figures import save
    from benchbench.studies.ablation import jobs
    from benchbench.studies.ablation_tables import document, figure, table
    from benchbench.studies.traces import Ablation

    asked = opt.request(attack, targets, profile, "in", "virtual", None, None)
    options = opt.options(device, workers, 16, str(cache) if cache else None, results, zoo=zoo)
    facts = asked.source.facts(options.cache)
    setup = facts.setup(asked.profile, 0)
    store = Cache(options.cache)
    if options.zoo is not None:
        Zoo(options.zoo).adopt(fits_of(asked.attacks, asked.targets, setup), store)
    screen: Display = Quiet() if quiet else shown()
    work = list(jobs(asked.attacks, asked.targets, photographs, setup, asked.source, options, supply=supply))
    screen.start({"photographs": 20.0, "looking": 10.0 * len(work) / max(1, options.workers)})
    try:
        asked.source.build(options.cache, options.workers, shown_on(screen), test_alone=True)
        screen.update("photographs", 1, 1, "ready")
        queue = Queue(work)
        meter = Meter(lambda done, total, text: screen.update("looking", done, total, text))
        meter.add(work)
        found = {}
        for outcome in run_jobs(queue, options, meter.progress):
            if outcome.error is not None:
                raise BenchError(outcome.error)
            meter.finish(outcome)
            found[int(outcome.key)] = outcome.value
    finally:
        screen.close()
    ablation = Ablation(
        [found[i] for i in sorted(found)], [a.name for a in asked.attacks], [t.name for t in asked.targets]
    )
    titles = {a.name: a.card.title for a in asked.attacks}
    command = opt.same_options(context, "bench ablate", leave_out=("cache", "quiet", "workers", "device", "results"))
    folder = results / file_name(facts.name) / file_name(asked.profile.name)
    write_atomic(folder / "ablation.csv", table(ablation).encode())
    text = document(ablation, titles, command, facts, asked.profile.name)
    write_atomic(folder / "ablation.md", text.encode())
    save(figure(ablation, titles), folder / "ablation.png")
    print(text)
    for name in ("ablation.csv", "ablation.md", "ablation.png"):
        print(folder / name)
