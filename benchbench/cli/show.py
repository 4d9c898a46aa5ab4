"""bench show photographs | spectra | confusion | scenes: pictures where people would rather look."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.base.errors import BenchError, StoreError, UnknownNameError, did_you_mean
from benchbench.cli import options as opt

if TYPE_CHECKING:
    from benchbench.contracts.photographs import Dataset
    from benchbench.records.cell import Cell
    from benchbench.report import Group
    from benchbench.studies.pictures import Crafted

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Pictures: crafted photographs, spectra of their residuals, confusion.",
)
Name = Annotated[str, typer.Argument(help="An attack; NAME[parameter=value] sets parameters.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="The picture to write: .png, .pdf or .svg.")]
Images = Annotated[str, typer.Option("--images", help="Numbers of test photographs, from 0, as a comma list.")]
Condition = Annotated[str, typer.Option(help="What targets saw, e.g. uint8.")]
Dataset_ = Annotated[str | None, typer.Option("--dataset", help="One data set, by name.")]
ProfileOnly = Annotated[str | None, typer.Option("--profile", "-p", help="One profile, by name.")]


@app.command()
def photographs(
    attack: Name,
    images: Images = "0,30",
    output: Output = None,
    gain: Annotated[float, typer.Option(help="Factor on the difference.")] = 10.0,
    profile: opt.ProfileName = "quick",
    data: opt.Data = "virtual",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    seed: opt.Seed = 0,
    device: opt.Device = "cpu",
    cache: opt.CacheFolder = None,
) -> None:
    """Draw photographs, what an attack makes of them for each wanted camera model, and the difference, amplified.

    The attack's networks must have been trained: `bench run` does it.

    Examples:

      bench show photographs cama

      bench show photographs 'pgd[steps=20]' --images 3,17 --gain 20 -o pgd.png
    """
    from benchbench.report.figures import save
    from benchbench.studies.pictures import panels

    dataset, made, title = _crafted(attack, images, profile, data, rule, scenes, seed, device, cache)
    path = output or Path(f"{_file(attack)}-photographs.png")
    save(panels(made, dataset.camera_models, title, gain), path)
    for one in made:
        levels = ", ".join(f"{v:.1f}" for v in one.psnr)
        print(f"{one.name}: {levels} dB")
    print(path)


@app.command()
def spectra(
    attack: Name,
    images: Images = "0,10,20,30,40,50",
    output: Output = None,
    profile: opt.ProfileName = "quick",
    data: opt.Data = "virtual",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    seed: opt.Seed = 0,
    device: opt.Device = "cpu",
    cache: opt.CacheFolder = None,
) -> None:
    """Draw the mean spectrum of the Wiener residual before and after an attack, beside those of genuine photographs.

    Example: bench show spectra cama -o spectra.png
    """
    from benchbench.report.figures import save
    from benchbench.studies.pictures import spectra as draw

    dataset, made, title = _crafted(attack, images, profile, data, rule, scenes, seed, device, cache)
    path = output or Path(f"{_file(attack)}-spectra.png")
    save(draw(made, dataset, title), path)
    print(path)


@app.command()
def generators(
    attack: Name,
    output: Output = None,
    profile: opt.ProfileName = "quick",
    data: opt.Data = "virtual",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    seed: opt.Seed = 0,
    device: opt.Device = "cpu",
    cache: opt.CacheFolder = None,
) -> None:
    """Draw a synthetic picture by each generator and its spectrum, before and after an attack.

    Example: bench show generators spoc
    """
    import torch

    from benchbench.contracts.attack import ATTACKS
    from benchbench.contracts.profile import load_profile
    from benchbench.records.cache import Cache, default_cache
    from benchbench.records.zoo import Zoo
    from benchbench.report.figures import save
    from benchbench.studies.generators import SPLITS, needed, spectra_of_generators

    chosen = load_profile(profile)
    instance = ATTACKS.create(attack, chosen.attacks)
    opt.check_device(device)
    place = cache or default_cache()
    source = opt.source(data, chosen, rule, scenes, cache)
    dataset, setup = source.open(place), source.facts(place).setup(chosen, seed)
    Zoo().adopt(needed(instance, setup), Cache(place))
    command = f"bench run --profile {profile} --split {','.join(SPLITS)} --attack '{attack}' --targets 'spoc2019:*'"
    path = output or Path(f"{_file(attack)}-generators.png")
    save(spectra_of_generators(instance, dataset, setup, Cache(place), torch.device(device), seed, command), path)
    print(path)


@app.command()
def traces(
    attack: Name,
    images: Images = "0,10,20,30,40",
    output: Output = None,
    gain: Annotated[float, typer.Option(help="Factor on the traces.")] = 30.0,
    profile: opt.ProfileName = "quick",
    data: opt.Data = "virtual",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    seed: opt.Seed = 0,
    device: opt.Device = "cpu",
    cache: opt.CacheFolder = None,
) -> None:
    """Draw what an attack that erases takes away, in space and in frequency, of a few photographs' smoothest patches.

    How well a network names the camera model from that alone: `bench run --targets 'siamte2020:trace/*'`.

    Example: bench show traces siamte -o traces.png
    """
    from benchbench.report.figures import save
    from benchbench.studies.erased import traces as draw

    dataset, made, title = _crafted(attack, images, profile, data, rule, scenes, seed, device, cache)
    path = output or Path(f"{_file(attack)}-traces.png")
    save(draw(made, dataset.camera_models, title, gain), path)
    print(path)


@app.command()
def erased(
    attacks: Annotated[list[str], typer.Argument(help="Attacks; NAME[parameter=value] sets parameters.")],
    target: Annotated[str, typer.Option("--target", "-t", help="An examiner whose answers are drawn as bars.")],
    image: Annotated[int, typer.Option(help="Number of a test photograph, from 0.")] = 0,
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write: .png, .pdf or .svg.")] = Path(
        "erased.png"
    ),
    profile: opt.ProfileName = "quick",
    data: opt.Data = "virtual",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    seed: opt.Seed = 0,
    device: opt.Device = "cpu",
    cache: opt.CacheFolder = None,
) -> None:
    """Draw a photograph, what attacks make of it, and what an examiner of camera models then says, in bars.

    Example: bench show erased median-3 dn-e siamte --target siamte2020:vote/resnet50 --image 3
    """
    import torch

    from benchbench.contracts.profile import load_profile
    from benchbench.contracts.target import TARGETS
    from benchbench.evaluate.networks import networks
    from benchbench.records.cache import Cache, default_cache
    from benchbench.records.zoo import Zoo
    from benchbench.report.figures import save
    from benchbench.studies.erased import comparison, said

    made: dict[str, Crafted] = {}
    models: tuple[str, ...] = ()
    for attack in attacks:
        dataset, (one,), _ = _crafted(attack, str(image), profile, data, rule, scenes, seed, device, cache)
        made[attack], models = one, dataset.camera_models
    place = cache or default_cache()
    setup = opt.source(data, load_profile(profile), rule, scenes, cache).facts(place).setup(load_profile(profile), seed)
    examiner = TARGETS.create(target)
    fits = examiner.fits(setup)
    Zoo().adopt((fit.fit_id(setup.data_id) for fit in fits.values()), Cache(place))
    lacking = [fit.label for fit in fits.values() if not Cache(place).has(fit.fit_id(setup.data_id))]
    if lacking:
        raise BenchError(f"'{lacking[0]}' has not been trained yet; bench run --targets {target} does it.")
    where = torch.device(device)
    module = examiner.load(networks(fits, setup, place, where), where)
    first = next(iter(made.values()))
    bars = {"": said(module, first.x, image)} | {name: said(module, one.y[:1], image) for name, one in made.items()}
    save(comparison(made, bars, models, f"{first.name}: what {examiner.name} says"), output)
    print(output)


@app.command()
def erasing(
    condition: Condition = "uint8",
    budget: Annotated[str, typer.Option(help="native, or a number of dB.")] = "native",
    dataset: Dataset_ = None,
    profile: ProfileOnly = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write: .png, .pdf or .svg.")] = Path(
        "erasing.png"
    ),
    results: opt.Results = opt.RESULTS,
) -> None:
    """Plot the accuracy that examiners keep against how much attacks change; one run at several strengths is a curve.

    Example: bench show erasing -o erasing.png
    """
    from benchbench.report.figures import erasing_curve, erasing_curves, save

    place = opt.condition(condition), opt.track(budget)
    found = [g for g in groups_of(results, dataset, profile) if (g.condition, g.track) == place and g.of_cameras.others]
    if not found:
        raise BenchError(f"no cell of votes, clusters or verification under '{results}', of that condition and budget.")
    if len(found) != 1:
        raise BenchError(f"{len(found)} results match; name one with --dataset and --profile.")
    for name, points in erasing_curves(found[0]).items():
        print(f"{name}: " + ", ".join(f"{100 * e.value:.1f} % at L1 {x:.2f}" for x, e in points))
    save(erasing_curve(found[0]), output)
    print(output)


@app.command()
def confusion(
    attack: Annotated[str, typer.Argument(help="An attack that has cells, NAME or NAME[parameter=value].")],
    target: Annotated[str, typer.Argument(help="A target that has cells, e.g. resnet18/rgb/complete.")],
    condition: Condition = "uint8",
    budget: Annotated[str, typer.Option(help="native, or a number of dB.")] = "native",
    dataset: Dataset_ = None,
    profile: ProfileOnly = None,
    output: Output = None,
    results: opt.Results = opt.RESULTS,
    reference: opt.Reference = False,
) -> None:
    """Draw how one target classifies what one attack crafted: a heat map by wanted and predicted camera model.

    Example: bench show confusion cama resnet18/rgb/complete --reference
    """
    from benchbench.contracts.spec import parse
    from benchbench.report.figures import confusion as draw
    from benchbench.report.figures import save

    asked = parse(attack)
    place = opt.condition(condition), opt.track(budget)
    found = [g for g in groups_of(opt.place(results, reference), dataset, profile) if (g.condition, g.track) == place]
    cells = [c for g in found for c in g.cells]
    for kind, name, known in (
        ("attack", asked.name, {c.attack.name for c in cells}),
        ("target", target, {c.target.name for c in cells}),
    ):
        if name not in known:
            raise UnknownNameError(f"no cell of {kind} '{name}' here.{did_you_mean(name, sorted(known))}")
    mine = [
        c
        for c in cells
        if (c.attack.name, c.target.name) == (asked.name, target)
        and all(k in c.attack.params and c.attack.params[k] == v for k, v in asked.params.items())
    ]
    if not mine:
        raise BenchError(f"no cell of '{attack}' against '{target}' here.")
    labels = sorted({row.label for g in found for row in g.attacks if row.key in {_key(c) for c in mine}})
    if len({_key(c) for c in mine}) > 1:
        raise BenchError(f"'{attack}' was run with several sets of parameters; name one: {', '.join(labels)}.")
    places = {(c.dataset.data_id, c.profile, c.protocol_json) for c in mine}
    if len(places) != 1:
        raise BenchError(f"{len(places)} results match; name one with --dataset, --profile, --condition and --budget.")
    path = output or Path(f"{_file(attack)}-{_file(target)}-confusion.png")
    save(draw(sorted(mine, key=lambda c: c.split.name)), path)
    print(path)


@app.command("scenes")
def scene_pictures(
    count: Annotated[int, typer.Option(help="Scenes of each kind.", min=1)] = 8,
    seed: opt.Seed = 0,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")] = Path("scenes"),
) -> None:
    """Draw what the virtual cameras photograph: scenes.jpg, a row a kind, and scene-statistics.png.

    Spectra, contrast, saturation, shadows and highlights stand beside those of the packaged photographs.

    Example: bench show scenes -o docs/pictures
    """
    from benchbench.studies.scenes import write

    for path in write(output, count, seed):
        print(path)


def groups_of(results: Path, dataset: str | None, profile: str | None) -> list[Group]:
    """Return the groups of a results folder, of one data set and profile where they are named; name damaged cells."""
    from benchbench.records.cells import CellStore
    from benchbench.report import groups

    problems: list[StoreError] = []
    found = groups(CellStore(results).cells(dataset, profile, problems=problems))
    for problem in problems:
        print(f"bench: left out: {problem}", file=sys.stderr)
    return found


def _key(cell: Cell) -> str:
    from benchbench.report.groups import AttackRow

    return AttackRow(*cell.attack.key, "").key


def _crafted(
    attack: str,
    images: str,
    profile: str,
    data: str,
    rule: str | None,
    scenes: str | None,
    seed: int,
    device: str,
    cache: Path | None,
) -> tuple[Dataset, list[Crafted], str]:
    from benchbench.contracts.attack import ATTACKS
    from benchbench.contracts.profile import load_profile
    from benchbench.records.cache import Cache, default_cache

    chosen = load_profile(profile)
    instance = ATTACKS.create(attack, chosen.attacks)
    numbers = _numbers(images)
    opt.check_device(device)
    source = opt.source(data, chosen, rule, scenes, cache)
    place = cache or default_cache()
    dataset = source.open(place)
    setup = source.facts(place).setup(chosen, seed)
    import torch

    from benchbench.records.zoo import Zoo
    from benchbench.studies.pictures import craft_some

    Zoo().adopt((fit.fit_id(setup.data_id) for fit in instance.fits(setup).values()), Cache(place))
    made = craft_some(instance, dataset, setup, Cache(place), numbers, torch.device(device), seed)
    return dataset, made, f"{instance.name}, {dataset.name}, profile {chosen.name}"


def _numbers(text: str) -> list[int]:
    try:
        found = [int(word) for word in text.split(",") if word.strip()]
    except ValueError:
        raise BenchError(f"--images '{text}'; a comma list of whole numbers is expected.") from None
    if not found:
        raise BenchError("--images is empty; a comma list of whole numbers is expected.")
    return found


def _file(name: str) -> str:
    from benchbench.base.files import file_name

    return file_name(name)
