"""bench curve: TSR against PSNR, and with --training success against the length of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.base.errors import BenchError
from benchbench.cli import options as opt
from benchbench.cli.show import Condition, Dataset_, groups_of

if TYPE_CHECKING:
    from benchbench.base.progress import Display
    from benchbench.contracts.attack import Attack
    from benchbench.contracts.photographs import Dataset
    from benchbench.contracts.profile import Profile
    from benchbench.harness.executors.jobs import Job
    from benchbench.harness.options import RunOptions
    from benchbench.studies.courses import Course, Network
    from benchbench.studies.learning import Look, Reading
    from benchbench.studies.learning_tables import Extrapolation, Figures

FROM_CELLS = ("condition", "dataset", "results", "reference")
"""Parameters that go without --training."""
OF_TRAINING = (
    *("attack", "lengths", "extrapolate", "judges", "photographs", "budget", "dry_run", "data", "rule", "scenes"),
    *("seed", "device", "workers", "cache", "zoo", "quiet"),
)
"""Parameters that go with it."""
NO_FORGER = (
    "There is no ceiling and no cosine: only virtual cameras can take a photograph again with another model, so that "
    "no perfect forger is known here."
)


def curve(
    context: typer.Context,
    condition: Condition = "uint8",
    dataset: Dataset_ = None,
    profile: Annotated[
        str | None, typer.Option("--profile", "-p", help="One profile, by name; of --training: quick.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write: .png, .pdf or .svg.")] = Path(
        "curve.png"
    ),
    results: opt.Results = opt.RESULTS,
    reference: opt.Reference = False,
    training: Annotated[
        bool, typer.Option("--training", help="Draw learning curves; the options that follow go with it.")
    ] = False,
    attack: Annotated[
        list[str],
        typer.Option(
            "--attack",
            "-a",
            help="Attacks with a conditional GAN: names, comma lists; NAME[parameter=value] beside NAME is another.",
        ),
    ] = ["Cama"],  # noqa: B006  # typer reads the default, nothing changes it
    lengths: Annotated[
        str,
        typer.Option(help="How long to train: multiples of the profile's `cgan.epochs`, a comma list; 0.5 is half."),
    ] = "0.25,0.5,1,2",
    extrapolate: Annotated[
        str,
        typer.Option(
            help="Lengths that curves of three lengths or more are extrapolated to: steps, or profiles, for as many"
            " patches as these train on; a comma list, '' for none."
        ),
    ] = "paper-short,paper",
    judges: Annotated[
        str,
        typer.Option(
            help="Networks trained on q that attacks are tried on: preprocessors of a ResNet-18, or"
            " BACKBONE/PREPROCESSOR, a comma list. They are no targets and stand in no other table."
        ),
    ] = "cc,fd,hp,ww,rgb+fd",
    photographs: Annotated[
        int | None, typer.Option(help="Of each camera model, held out of q; default: all.", min=1)
    ] = None,
    budget: Annotated[float, typer.Option(help="PSNR that the perfect forger keeps to, dB.")] = 35.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Train nothing: print what would be trained, and how long it takes.")
    ] = False,
    data: opt.Data = "virtual",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    seed: opt.Seed = 0,
    device: opt.Device = "cpu",
    workers: opt.Workers = 0,
    cache: opt.CacheFolder = None,
    zoo: opt.Networks = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Plot TSR against PSNR, with 95 % bands, for attacks that were run under several budgets.

    With --training: plot success against the length of training instead. Each attack is trained at each length, a
    network of its own that is kept, goes on where it was stopped, and is found again. It is asked about on the
    attacker's side alone, so that a length may be chosen by it: on photographs held out of q, by networks trained on q
    that are no targets. On virtual cameras the perfect forger is the ceiling. Three lengths or more are extrapolated:
    what longer training would give, with its uncertainty, and the hours that it takes. Beside the picture lie every
    figure (.csv) and a table of every attack and length (.md). Start with --dry-run: it says what the training takes.

    Examples:

      bench run --attack cama,pgd --targets 'resnet18/*/complete' --budget 25,30,35,40,45,50

      bench curve -o curve.png

      bench curve --training --dry-run

      bench curve --training --attack 'cama,cama[classifier_weight=0.02],cama[adversarial_weight=0]' --lengths 1,2,4
    """
    given = [
        p.opts[0]
        for p in context.command.params
        if p.name in (FROM_CELLS if training else OF_TRAINING) and context.params[p.name] != p.get_default(context)
    ]
    if given:
        raise BenchError(f"{given[0]} goes {'without' if training else 'with'} --training; see bench curve --help.")
    if not training:
        _from_cells(condition, dataset, profile, output, opt.place(results, reference))
        return
    _learn(
        context,
        opt.options(device, workers, 16, str(cache) if cache else None, results, zoo=zoo),
        attack=attack,
        times=_lengths(lengths),
        ahead=_ahead(extrapolate),
        judges=_judges(judges),
        photographs=photographs,
        budget=budget,
        dry_run=dry_run,
        profile=profile or "quick",
        place=(data, rule, scenes),
        seed=seed,
        output=output,
        quiet=quiet,
    )


def _learn(
    context: typer.Context,
    options: RunOptions,
    *,
    attack: Sequence[str],
    times: Sequence[float],
    ahead: Mapping[str, int | Profile],
    judges: Sequence[str],
    photographs: int | None,
    budget: float,
    dry_run: bool,
    profile: str,
    place: tuple[str, str | None, str | None],
    seed: int,
    output: Path,
    quiet: bool,
) -> None:
    """Train what is missing, look, and write; with `dry_run`, say what would be trained.

    Args:
        place: of the photographs: --data, --rule and --scenes.
    """
    from benchbench.contracts.attack import ATTACKS
    from benchbench.contracts.profile import load_profile
    from benchbench.harness.photographs import shown_on
    from benchbench.harness.run import leased
    from benchbench.records.cache import Cache
    from benchbench.records.zoo import Zoo
    from benchbench.report import render
    from benchbench.report.figures import check_place
    from benchbench.studies.courses import courses, judges_of, kept_after, networks_of
    from benchbench.studies.extrapolation import extrapolations
    from benchbench.studies.learning import PHOTOGRAPHS, jobs
    from benchbench.studies.learning_tables import figures_of, plan_table

    chosen = load_profile(profile)
    asked = ATTACKS.resolve(attack, chosen.attacks)
    data, rule, scenes = place
    source = opt.source(data, chosen, rule, scenes, options.cache)
    facts = source.facts(options.cache)
    setup = facts.setup(chosen, seed)
    work, jury = courses(asked, times, setup), judges_of(judges, setup)
    store, trained = Cache(options.cache), Zoo(options.zoo) if options.zoo is not None else None
    stored = trained.ids() if trained is not None else frozenset()

    def planned() -> list[Network]:
        return networks_of(work, jury, setup, store, options.device, stored)

    plan = planned()
    if dry_run:
        print(render(plan_table(plan), "text"), end="")
        return
    check_place(output)
    forger = _forger(budget) if facts.retakes else None
    with leased(store) as need, _screen(quiet) as screen:
        need([setup.data_id, *(line.fit_id for line in plan)])
        if store.set_aside_damaged([line.fit_id for line in plan]):
            plan = planned()
        if trained is not None:
            trained.adopt((line.fit_id for line in plan), store)
        missing = sum(line.seconds for line in plan if not line.there) / options.workers
        screen.start({"photographs": 20.0, "training": missing, "looking": 10.0 * len(work) / options.workers})
        photos = source.build(options.cache, options.workers, shown_on(screen))
        found = _found(
            *jobs(work, jury, plan, forger=forger, limit=photographs, setup=setup, source=source, options=options),
            options,
            screen,
        )
    figures = {key: figures_of(one, photos.known, named=key == PHOTOGRAPHS) for key, one in found.items()}
    # The plan once more: what was trained now tells its pace.
    made = extrapolations(work, figures, ahead, planned()) if ahead else []
    kept = {course.key: kept_after(course, store) for course in work}
    _write(
        context,
        work,
        figures,
        kept,
        photos,
        chosen.name,
        output,
        None if forger is None else budget,
        made,
        options.device,
    )


def _judges(text: str) -> list[str]:
    found = [word.strip() for word in text.split(",") if word.strip()]
    if not found:
        raise BenchError("--judges is empty; preprocessors are expected, as in cc,fd,hp.")
    return found


def _lengths(text: str) -> list[float]:
    try:
        found = sorted({float(word) for word in text.split(",") if word.strip()})
    except ValueError:
        found = []
    if not found or not all(0 < length < float("inf") for length in found):
        raise BenchError(f"--lengths '{text}'; numbers above 0 with commas between are expected: 0.5,1,2")
    return found


def _ahead(text: str) -> dict[str, int | Profile]:
    """Return the lengths of --extrapolate by name."""
    from benchbench.contracts.profile import load_profile

    found: dict[str, int | Profile] = {}
    for word in (part.strip() for part in text.split(",") if part.strip()):
        if word[0] in "+-." or word[0].isdecimal():
            if not word.isdecimal() or len(word) > 12 or int(word) == 0:
                raise BenchError(
                    f"--extrapolate '{word}'; a number of steps from 1 to 10^12, in digits, or a profile is expected."
                )
            found[f"{int(word):,} steps"] = int(word)
        else:
            profile = load_profile(word)
            found[f"as {profile.name}"] = profile
    return found


def _forger(budget: float) -> Attack:
    from benchbench.studies.ceiling import forgers

    return forgers([budget])[0]


@contextmanager
def _screen(quiet: bool) -> Iterator[Display]:
    from benchbench.base.progress import Quiet
    from benchbench.cli.display import display

    shown: Display = Quiet() if quiet else display()
    try:
        yield shown
    finally:
        shown.close()


def _found(work: Sequence[Job], looks: Mapping[str, Look], options: RunOptions, screen: Display) -> dict[str, Reading]:
    """Do the jobs and return what was looked at, by key, in the order of `looks`.

    Raises:
        BenchError: a job failed; those that do not need it are done.
    """
    from benchbench.harness.executors import run_jobs
    from benchbench.harness.executors.meter import Meter
    from benchbench.harness.executors.queue import Queue

    meters = {
        stage: Meter(lambda done, total, text, stage=stage: screen.update(stage, done, total, text))  # type: ignore[misc]
        for stage in ("training", "looking")
    }
    trains = {job.key for job in work if job.writes}
    for job in work:
        meters["training" if job.key in trains else "looking"].add([job])
    if not trains:
        screen.update("training", 1, 1, "ready")

    def meter(key: str) -> Meter:
        return meters["training" if key in trains else "looking"]

    found, failed = {}, []
    for outcome in run_jobs(Queue(work), options, lambda key, *rest: meter(key).progress(key, *rest)):
        meter(outcome.key).finish(outcome)
        if outcome.error is not None:
            failed.append(outcome)
        else:
            found[outcome.key] = outcome.value
    if failed:
        raise BenchError("; ".join(str(outcome.error) for outcome in failed if not outcome.blocked))
    return {key: found[key] for key in looks}


def _write(
    context: typer.Context,
    work: Sequence[Course],
    figures: Mapping[str, Figures],
    kept: Mapping[str, int | None],
    dataset: Dataset,
    profile: str,
    output: Path,
    budget: float | None,
    made: Sequence[Extrapolation],
    device: str,
) -> None:
    """Write the picture, every figure and the tables; print these.

    Args:
        made: curves, extrapolated.
        device: the one whose hours are given.
    """
    from benchbench.base.files import write_atomic
    from benchbench.report import render
    from benchbench.report.figures import save
    from benchbench.studies.extrapolation import extrapolation_table
    from benchbench.studies.learning import PHOTOGRAPHS
    from benchbench.studies.learning_tables import figure, table, table_by_wanted, tidy

    command = opt.same_options(context, "bench curve", leave_out=("cache", "quiet", "workers", "device", "output"))
    caption = [
        f"{figures[PHOTOGRAPHS].photographs} photographs held out of q (data set {dataset.name} "
        f"{dataset.data_id[:8]}, profile {profile}), each wanted as every other model that the attacker knows; no test "
        "photograph and none of p. Percent taken for the wanted model, with 95 % intervals, scenes being the clusters. "
        "Judges were trained on q, no attack sees them, and they are no targets.",
        NO_FORGER
        if budget is None
        else f"Perfect forgery: the photograph retaken by the wanted camera, no louder than {budget:g} dB.",
        f"Made by `{command}`.",
    ]
    tables = [table(work, figures, caption, kept), table_by_wanted(work, figures, dataset.camera_models)]
    tables += [extrapolation_table(made, device, forger=budget is not None)] if made else []
    save(figure(work, figures, f"{dataset.name}, profile {profile}, held out of q", made), output)
    write_atomic(output.with_suffix(".csv"), tidy(work, figures, dataset.camera_models, made, kept).encode())
    text = "\n".join(render(one, "md") for one in tables)
    write_atomic(output.with_suffix(".md"), text.encode())
    print(text)
    for suffix in (output.suffix, ".csv", ".md"):
        print(output.with_suffix(suffix))


def _from_cells(condition: str, dataset: str | None, profile: str | None, output: Path, results: Path) -> None:
    from benchbench.report.catalog import alike
    from benchbench.report.figures import curve as draw
    from benchbench.report.figures import curves, save

    opt.condition(condition)
    families = list(alike(groups_of(results, dataset, profile)).values())
    able = [family for family in families if curves(family, condition)]
    if len(able) > 1:
        raise BenchError(f"{len(able)} results match; name one with --dataset and --profile.")
    family = able[0] if able else (families[0] if families else [])
    figure = draw(family, condition)
    for label, points in curves(family, condition).items():
        print(f"{label}: " + ", ".join(f"{100 * p.estimate.value:.1f} % at {p.psnr:.1f} dB" for p in points))
    save(figure, output)
    print(output)
