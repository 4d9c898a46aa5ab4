"""bench anonymize | identify: photographs of one's own, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchbench.base.errors import BenchError
from benchbench.cli import options as opt
from benchbench.cli.text import columns

if TYPE_CHECKING:
    from benchbench.studies.anonymize import Anonymized, Forger
    from benchbench.studies.exif import ExifMode
    from benchbench.studies.identify import Identified

_MODES = ("keep", "strip", "consistent")
_Data = Annotated[
    str, typer.Option("--data", help="Whose networks: of the virtual cameras, or of a run on FOLDER or LAYOUT:FOLDER.")
]


def anonymize(
    photo: Annotated[Path, typer.Argument(help="A photograph, or a folder of them.")],
    wanted: Annotated[str, typer.Option("--as", help="The camera model that it should seem to come from.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write: .jpg or .png; a folder for one.")],
    attack: Annotated[str, typer.Option("--attack", "-a", help="A name; NAME[parameter=value] sets parameters.")],
    exif: Annotated[
        str, typer.Option("--exif", help="keep; strip; consistent: make and model of the wanted camera, little else.")
    ] = "consistent",
    profile: opt.ProfileName = "quick",
    data: _Data = "virtual",
    rule: opt.Rule = None,
    seed: opt.Seed = 0,
    device: opt.Device = "cpu",
    cache: opt.CacheFolder = None,
    zoo: opt.Networks = True,
) -> None:
    """Change a photograph so that it seems to come from another camera model, and write it as that camera would.

    Any size, in tiles. It says what changed, and how sure the attack's own evaluator is: what others see may differ.

    Examples:

      bench anonymize photo.jpg --attack cama --as Fictional_One -o out.jpg

      bench anonymize holiday --attack cama --as Canon_Ixus70 --data ~/photos/dresden --profile paper -o out
    """
    from benchbench.base.errors import AttackError, DataError
    from benchbench.studies.anonymize import anonymize as change

    if exif not in _MODES:
        raise BenchError(f"--exif '{exif}'; {', '.join(_MODES)} are expected.")
    with_ = _forger(attack, wanted, profile, data, rule, seed, device, cache, zoo)
    mode: ExifMode = exif  # type: ignore[assignment]
    failed = 0
    pairs = list(_pairs(photo, output))
    for source, target in pairs:
        try:
            with _tiles() as progress:
                made = change(source, target, with_, mode, progress)
        except (AttackError, DataError) as error:
            if len(pairs) == 1:
                raise
            failed += 1
            print(f"left out: {error}")
            continue
        _tell(made, with_)
    print("How others see it may differ: only that evaluator was asked.")
    if failed:
        print(f"{failed} of {len(pairs)} photographs are left out.")
        raise typer.Exit(1)


def _forger(
    attack: str,
    wanted: str,
    profile: str,
    data: str,
    rule: str | None,
    seed: int,
    device: str,
    cache: Path | None,
    zoo: bool,
) -> Forger:
    from benchbench.contracts.attack import ATTACKS
    from benchbench.contracts.profile import load_profile

    chosen = load_profile(profile)
    instance, *others = ATTACKS.resolve(attack, chosen.attacks)
    if others:
        raise BenchError(f"--attack '{attack}' names {1 + len(others)} attacks; a photograph is changed by one.")
    opt.check_device(device)
    place = _place(cache)
    source = opt.source(data, chosen, rule, None, place)
    facts = source.facts(place)
    import torch

    from benchbench.records.cache import Cache
    from benchbench.records.zoo import PACKAGED
    from benchbench.studies.anonymize import forger

    return forger(
        instance,
        facts.setup(chosen, seed),
        facts.camera_models,
        wanted,
        facts.size,
        Cache(place),
        torch.device(device),
        PACKAGED if zoo else None,
        lambda c: source.camera_file(c, place),
        seed,
    )


def _pairs(photo: Path, output: Path) -> Iterator[tuple[Path, Path]]:
    """Each photograph and the file to write."""
    if not photo.is_dir():
        if not photo.is_file():
            raise BenchError(f"'{photo}' is neither a photograph nor a folder.")
        yield photo, output
        return
    from benchbench.data.folder.look import look

    found = look(photo).photographs
    if not found:
        raise BenchError(f"'{photo}' has no photographs.")
    if output.exists() and not output.is_dir():
        raise BenchError(f"'{output}' is a file; name a folder for the photographs of one.")
    for path in found:
        target = output / path
        yield photo / path, target if target.suffix.lower() in (".jpg", ".jpeg", ".png") else target.with_suffix(".png")


def _tell(made: Anonymized, with_: Forger) -> None:
    print(f"{made.source} -> {made.output}  ({made.width}x{made.height}, '{with_.attack.name}' as {with_.name})")
    changed = f"{100 * made.share:.1f} % of values, by {made.mean:.2f} gray levels on average"
    print(f"  changed: {changed}; PSNR {made.psnr:.1f} dB, of the file that was written")
    if made.before is None or made.after is None:
        print("  the attack has no evaluator of its own, and cannot say how sure it is")
    else:
        for when, sure in (("before", made.before), ("after", made.after)):
            print(
                f"  its own evaluator, {when}: {sure.named} of {sure.crops} crops are {with_.name}'s, "
                f"mean probability {sure.mean:.2f}"
            )
    for sentence in made.said:
        print(f"  {sentence}")


def identify(
    photo: Annotated[Path, typer.Argument(help="A photograph.")],
    targets: opt.Targets = ["all"],  # noqa: B006  # typer reads the default, nothing changes it
    profile: opt.ProfileName = "quick",
    data: _Data = "virtual",
    rule: opt.Rule = None,
    seed: opt.Seed = 0,
    device: opt.Device = "cpu",
    cache: opt.CacheFolder = None,
    zoo: opt.Networks = True,
) -> None:
    """Ask targets which camera model took a photograph, and say which models they know at all.

    Examples:

      bench identify photo.jpg

      bench identify photo.jpg --data ~/photos/dresden --profile paper --targets 'resnet18/*'
    """
    from benchbench.contracts.profile import load_profile
    from benchbench.contracts.target import TARGETS

    chosen = load_profile(profile)
    asked = TARGETS.resolve(targets)
    opt.check_device(device)
    if not photo.is_file():
        raise BenchError(f"'{photo}' is no file.")
    place = _place(cache)
    source = opt.source(data, chosen, rule, None, place)
    facts = source.facts(place)
    import torch

    from benchbench.records.cache import Cache
    from benchbench.records.zoo import PACKAGED
    from benchbench.studies.identify import identify as ask

    with _tiles() as progress:
        found = ask(
            photo,
            asked,
            facts.setup(chosen, seed),
            facts.size,
            Cache(place),
            torch.device(device),
            PACKAGED if zoo else None,
            progress,
        )
    _tell_models(photo, found, facts.camera_models, facts.size, f"{facts.name}, profile {chosen.name}")


def _tell_models(photo: Path, found: Identified, models: tuple[str, ...], size: int, whose: str) -> None:
    told = f"EXIF says '{found.exif}'" if found.exif else "its EXIF says no camera"
    print(f"{photo}: {found.width}x{found.height}, {told}; the center of {size}x{size} px was looked at")
    order = sorted(range(len(models)), key=lambda c: (-found.votes[c], -found.mean[c]))
    rows = [(models[c], f"{found.votes[c]} of {found.know[c]}", f"{found.mean[c]:.3f}") for c in order if found.know[c]]
    print(columns(("camera model", "targets that name it", "mean probability"), rows))
    asked = max(found.know)
    print(f"{asked} targets were asked ({whose}), which know these {len(rows)} camera models and no others.")
    print("A photograph of any other camera gets one of these names all the same: they cannot tell that it is another.")
    for name, reason in found.without[:3]:
        print(f"not asked: {name}: {reason}")
    if len(found.without) > 3:
        print(f"and {len(found.without) - 3} more were not asked")


def _place(cache: Path | None) -> Path:
    from benchbench.records.cache import default_cache

    return cache or default_cache()


@contextmanager
def _tiles() -> Iterator[Any]:
    with opt.reading() as told:
        yield lambda done, total: told("photograph", done, total)
