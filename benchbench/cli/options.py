"""Options that commands share, and what they stand for."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from benchbench.api import words
from benchbench.api.words import all_conditions as all_conditions
from benchbench.api.words import check_device as check_device
from benchbench.api.words import condition as condition
from benchbench.api.words import folder_rule as folder_rule
from benchbench.api.words import measures as measures
from benchbench.api.words import protocols as protocols
from benchbench.api.words import splits as splits
from benchbench.api.words import track as track
from benchbench.base.errors import BenchError, did_you_mean
from benchbench.base.processes import cores
from benchbench.contracts.protocol import LAST_SEED, Protocol
from benchbench.harness.options import RESULTS as RESULTS
from benchbench.harness.options import RunOptions
from benchbench.records.cache import default_cache
from benchbench.records.zoo import PACKAGED

if TYPE_CHECKING:
    from benchbench.contracts.attack import Attack
    from benchbench.contracts.profile import Profile
    from benchbench.contracts.source import BuildProgress
    from benchbench.contracts.target import Target
    from benchbench.contracts.trials import Split
    from benchbench.data.source import RecipeSource

_SECONDS_A_PHOTOGRAPH = 0.1
"""To decode twelve megapixels on one core, for the first estimate."""
Attacks = Annotated[
    list[str],
    typer.Option(
        "--attack",
        "-a",
        help="Names, comma lists, globs or 'all'; NAME[parameter=value] sets parameters. Or a file: ./mine.py",
    ),
]
Targets = Annotated[
    list[str],
    typer.Option("--targets", "-t", help="Names, comma lists, globs such as 'resnet18/*/complete', or 'all'."),
]
ProfileName = Annotated[
    str, typer.Option("--profile", "-p", help="smoke, quick, paper, paper-short, or the path of a TOML file.")
]
Splits = Annotated[
    str,
    typer.Option(
        "--split",
        help="in: known camera models; out: unknown ones; unseen: thirty that nobody was trained on, unknown and drawn;"
        " synthetic: pictures that no camera took; a comma list.",
    ),
]
Conditions = Annotated[
    str,
    typer.Option(
        "--condition",
        help="What targets see: uint8, as a file holds it; float, unrounded as in the paper; jpeg-90, jpeg-75;"
        " jpeg-target, with the wanted camera's quantization tables. A comma list, or 'all'.",
    ),
]
Budgets = Annotated[
    str,
    typer.Option(
        "--budget",
        help="native: each attack's own distortion; a number of dB: every perturbation is rescaled to that PSNR."
        " A comma list, e.g. 'native,35'.",
    ),
]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1.")]
Workers = Annotated[
    int, typer.Option(help="Worker processes; 0: one a core.", min=0, callback=lambda given: check_workers(given))
]
Batch = Annotated[int, typer.Option(help="Photographs crafted and scored at a time.", min=1)]
CacheFolder = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        help="Networks and photographs; default $BENCHBENCH_CACHE or the user's.",
        callback=lambda given: check_folder("--cache", given if given is not None else default_cache()) and given,
    ),
]
CachePlace = Annotated[
    str | None,
    typer.Option(
        "--cache",
        help="Networks and photographs: a folder, or a URL that fsspec can open, such as s3://lab/bench, for machines"
        " without a shared folder. Default $BENCHBENCH_CACHE or the user's.",
    ),
]
Measures = Annotated[
    str, typer.Option("--measures", help="Measured of each craft beside PSNR, SSIM and L1. See: bench list measures")
]
Executor = Annotated[
    str, typer.Option("--executor", help="local: processes of this machine; ray: the machines of a Ray cluster.")
]
Address = Annotated[
    str | None,
    typer.Option(help="ray: HOST:PORT of the cluster's head, or auto. Default $RAY_ADDRESS, or this machine alone."),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        help="Seconds that a job may go without progress before it is ended; default from what it should take.", min=1
    ),
]
Memory = Annotated[
    float | None, typer.Option(help="GB that a job may take; default what the machine has (Linux alone).", min=0.1)
]
Cpus = Annotated[float, typer.Option(help="ray: processors that a job asks for.", min=0.0)]
Gpus = Annotated[
    float | None, typer.Option(help="ray: GPUs that a job asks for, e.g. 0.25. Default 1 with --device cuda.", min=0.0)
]
Results = Annotated[
    Path,
    typer.Option(
        "--results",
        help="Where cells and tables are.",
        callback=lambda given: check_folder("--results", given),
    ),
]
Reference = Annotated[
    bool, typer.Option("--reference", help="The reference results that come with benchbench, instead of --results.")
]
Data = Annotated[
    str, typer.Option("--data", help="virtual, virtual-neutral (all cameras alike), FOLDER or LAYOUT:FOLDER.")
]
Rule = Annotated[
    str | None,
    typer.Option(
        "--rule",
        help="Roles by device, or also disjoint by scene: device, scene. Of a folder also role, as its own column says,"
        " and photograph, where devices are too few (captions then warn). Default: its column, or device.",
    ),
]
Scenes = Annotated[str | None, typer.Option("--scenes", help="A folder of photographs to show to the virtual cameras.")]
Networks = Annotated[
    bool, typer.Option("--zoo/--no-zoo", help="Take trained networks from the zoo, or train all that the cache lacks.")
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Attack so many test photographs of each camera model; default: all."),
]
Seed = Annotated[int, typer.Option(help="Of training and of crafting.", min=0, max=LAST_SEED)]


class RunArguments(TypedDict):
    """What `benchbench.harness.run.plan_run` and `run` take alike."""

    attacks: list[Attack]
    targets: list[Target]
    splits: list[Split]
    protocols: list[Protocol]
    profile: Profile
    source: RecipeSource
    options: RunOptions
    seed: int


@dataclass(frozen=True)
class Request:
    """What the options of `bench run` and `bench status` name."""

    profile: Profile
    attacks: list[Attack]
    targets: list[Target]
    splits: list[Split]
    source: RecipeSource

    def arguments(self, protocols: list[Protocol], options: RunOptions, seed: int) -> RunArguments:
        """Return the arguments of a plan or a run with one seed."""
        return {
            "attacks": self.attacks,
            "targets": self.targets,
            "splits": self.splits,
            "protocols": protocols,
            "profile": self.profile,
            "source": self.source,
            "options": options,
            "seed": seed,
        }


def request(
    attack: list[str],
    targets: list[str],
    profile: str,
    split: str,
    data: str,
    rule: str | None,
    scenes: str | None,
    cache: str | None = None,
) -> Request:
    """Resolve names; an unknown one fails here, before any photograph or network.

    Args:
        cache: --cache; a folder's photographs are read into it.

    Raises:
        BenchError: an unknown name, parameter or split, or a folder that cannot be used.
    """
    from benchbench.contracts.attack import ATTACKS
    from benchbench.contracts.profile import load_profile
    from benchbench.contracts.target import TARGETS

    chosen = load_profile(profile)
    parts = splits(split)
    found_attacks = ATTACKS.resolve(attack, chosen.attacks)
    found_targets = TARGETS.resolve(targets)
    from benchbench.records.mirror import split_place

    place = split_place(cache, default_cache())[0]
    return Request(chosen, found_attacks, found_targets, parts, source(data, chosen, rule, scenes, place))


@contextmanager
def reading() -> Iterator[BuildProgress]:
    """Yield what shows how many photographs are read; nothing is shown where that takes no time."""
    from benchbench.cli.display import display

    shown = display()
    started = False

    def told(label: str, done: int, total: int) -> None:
        nonlocal started
        if not started and done < total:
            shown.start({label: _SECONDS_A_PHOTOGRAPH * (total - done) / cores()})
            started = True
        if started:
            shown.update(label, done, total, f"{done} of {total}")

    try:
        yield told
    finally:
        if started:
            shown.close()


def source(
    data: str, profile: Profile, rule: str | None, scenes: str | None = None, cache: Path | None = None
) -> RecipeSource:
    """Return the photographs that the options name, see `benchbench.api.words.source`; say how far a folder is read."""
    with reading() as progress:
        return words.source(data, profile, rule, scenes, cache, progress)


def options(
    device: str,
    workers: int,
    batch: int,
    cache: str | None,
    results: Path,
    executor: str = "local",
    address: str | None = None,
    cpus: float = 1.0,
    gpus: float | None = None,
    zoo: bool = True,
) -> RunOptions:
    """Return where and how fast to run.

    Raises:
        BenchError: the device, the executor or the cluster is not there.
    """
    from dataclasses import replace

    from benchbench.records.mirror import split_place

    if executor not in ("local", "ray"):
        raise BenchError(
            f"unknown executor '{executor}'.{did_you_mean(executor, ('local', 'ray'))}  executors: local, ray"
        )
    folder, remote = split_place(cache, default_cache())
    check_folder("--cache", folder)
    if executor == "local" and address is not None:
        raise BenchError(f"--address '{address}' goes with --executor ray alone.")
    if executor == "local" and (gpus is not None or cpus != 1.0):
        raise BenchError("--cpus and --gpus go with --executor ray alone.")
    networks = PACKAGED if zoo else None
    if executor == "local":
        check_device(device)
        # A GPU is shared by few processes, each of which holds its own copy of the networks.
        default = cores() if device == "cpu" else min(4, cores())
        return RunOptions(
            device=device,
            workers=workers or default,
            batch=batch,
            cache=folder,
            remote=remote,
            zoo=networks,
            results=results,
        )
    found = RunOptions(
        device=device,
        workers=workers,
        batch=batch,
        cache=folder.absolute(),  # jobs have other working folders
        remote=remote,
        zoo=networks,
        results=results,
        executor="ray",
        address=address,
        cpus=cpus,
        gpus=(0.0 if device == "cpu" else 1.0) if gpus is None else gpus,
    )
    if not found.cpus and not found.gpus:
        raise BenchError("a job asks for no processor and no GPU; see --cpus and --gpus.")
    from benchbench.harness.executors.ray import slots

    return replace(found, workers=workers or slots(found))


def same_options(context: typer.Context, command: str, leave_out: tuple[str, ...]) -> str:
    """Return `command` with the options of the command that runs, those left at their defaults not repeated."""
    words = command.split()
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if parameter.name in leave_out or value == parameter.get_default(context):
            continue
        if isinstance(value, bool):
            words.append((parameter.opts if value else parameter.secondary_opts)[0])
            continue
        for one in value if isinstance(value, (list, tuple)) else [value]:
            words += [parameter.opts[0], str(one)]
    return shlex.join(words)


def place(results: Path, reference: bool) -> Path:
    """Return the folder that --results and --reference name.

    Raises:
        BenchError: both are given, or the reference is not installed.
    """
    if not reference:
        return results
    if results != RESULTS:
        raise BenchError(f"--results '{results}' and --reference name two folders; give one of them.")
    from benchbench.records.reference import reference_results

    return reference_results()


def check_folder(option: str, folder: Path) -> Path:
    """Look whether a folder is one, or can be made; return it.

    Raises:
        BenchError: it is a file, lies under one, has a name that cannot be, or cannot be read.
    """
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
        if not stat.S_ISDIR(there.stat().st_mode):
            what = "is no folder" if there == folder else f"lies under '{there}', which is no folder"
            raise BenchError(f"{option} '{folder}' {what}.")
        os.scandir(there).close()
        with suppress(FileNotFoundError):
            folder.lstat()  # a name that is too long
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BenchError(f"{option} '{folder}' cannot be used ({reason}).") from error
    return folder


def check_workers(workers: int) -> int:
    """Return how many workers are asked for.

    Raises:
        BenchError: more than this machine has any use for.
    """
    most = max(32, 4 * cores())
    if workers > most:
        raise BenchError(f"--workers {workers}; this machine has {cores()} cores, so at most {most} are of use.")
    return workers
