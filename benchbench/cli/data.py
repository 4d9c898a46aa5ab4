"""bench data build | info | check | show | export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.base.processes import cores
from benchbench.cli import options as opt
from benchbench.cli.text import columns, size_text
from benchbench.records.cache import default_cache

if TYPE_CHECKING:
    from benchbench.contracts.photographs import Dataset

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Photographs: render or read them, check them, look at them."
)
Place = Annotated[str, typer.Argument(help="virtual, virtual-neutral, FOLDER or LAYOUT:FOLDER.")]


@app.command()
def build(
    data: Place = "virtual",
    profile: opt.ProfileName = "quick",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    workers: opt.Workers = 0,
    cache: opt.CacheFolder = None,
) -> None:
    """Render virtual photographs, or read a folder, into the cache. `bench run` does this by itself.

    Examples:

      bench data build

      bench data build ~/photos/dresden --profile paper --rule scene
    """
    dataset = _built(data, profile, rule, scenes, workers, cache)
    _print_info(dataset)


@app.command()
def info(
    data: Place = "virtual",
    profile: opt.ProfileName = "quick",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    cache: opt.CacheFolder = None,
) -> None:
    """Say what a built data set holds: photographs of each camera model in each role, fingerprints, size on disk.

    Example: bench data info virtual --profile quick
    """
    _print_info(_opened(data, profile, rule, scenes, cache))


@app.command()
def check(
    folder: Annotated[str, typer.Argument(help="A folder of photographs, or LAYOUT:FOLDER.")],
    profile: opt.ProfileName = "quick",
    rule: opt.Rule = None,
    everything: Annotated[bool, typer.Option("--all", help="A line a file, not a line a kind of fault.")] = False,
) -> None:
    """Look at a whole folder before anything trains: its layout, what is wrong, what is left out, and the split.

    The profile says how large photographs must be. Exit code 1 if there is any finding.

    Examples:

      bench data check ~/photos/dresden --profile paper

      bench data check manifest:photos --rule scene
    """
    from benchbench.cli.checked import print_report
    from benchbench.contracts.profile import load_profile
    from benchbench.data.folder.check import check as check_folder
    from benchbench.data.folder.recipe import parse_place

    layout, root = parse_place(folder)
    size = int(load_profile(profile).data.get("size", 256))
    with opt.reading() as progress:
        report = check_folder(root, size, layout=layout, rule=opt.folder_rule(rule), progress=progress)
    print_report(report, everything)
    raise typer.Exit(1 if report.findings else 0)


@app.command()
def show(
    data: Place = "virtual",
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write.")] = Path("contact-sheet.png"),
    profile: opt.ProfileName = "quick",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    cache: opt.CacheFolder = None,
) -> None:
    """Draw a contact sheet of a built data set.

    Example: bench data show virtual -o sheet.png
    """
    from benchbench.data.export import contact_sheet

    contact_sheet(_opened(data, profile, rule, scenes, cache), output)
    print(output)


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(help="The folder to write.")],
    data: Annotated[str, typer.Option("--data", help="virtual, virtual-neutral, FOLDER or LAYOUT:FOLDER.")] = "virtual",
    profile: opt.ProfileName = "quick",
    rule: opt.Rule = None,
    scenes: opt.Scenes = None,
    cache: opt.CacheFolder = None,
) -> None:
    """Write a built data set as JPEG files with EXIF and Dresden names.

    Example: bench data export photos --profile smoke
    """
    from benchbench.data.export import export as export_dataset

    count = export_dataset(_opened(data, profile, rule, scenes, cache), directory)
    print(f"{count} photographs in {directory}")


def _opened(data: str, profile: str, rule: str | None, scenes: str | None, cache: Path | None) -> Dataset:
    from benchbench.contracts.profile import load_profile

    return opt.source(data, load_profile(profile), rule, scenes, cache).open(cache or default_cache())


def _built(data: str, profile: str, rule: str | None, scenes: str | None, workers: int, cache: Path | None) -> Dataset:
    from benchbench.cli.display import display
    from benchbench.contracts.profile import load_profile
    from benchbench.harness.photographs import shown_on

    source = opt.source(data, load_profile(profile), rule, scenes, cache)
    shown = display()
    shown.start({"photographs": 0.0})
    try:
        return source.build(
            cache or default_cache(),
            workers or cores(),
            shown_on(shown),
        )
    except KeyboardInterrupt:
        print("bench: stopped. What was finished is kept; the same command goes on from here.", file=sys.stderr)
        raise typer.Exit(130) from None
    finally:
        shown.close()


def _print_info(dataset: Dataset) -> None:
    roles = ("q", "p", "test")
    camera = {role: dataset.photos(role).camera for role in roles}  # type: ignore[arg-type]
    rows = []
    for c, model in enumerate(dataset.camera_models):
        counts = [str(int((camera[role] == c).sum())) for role in roles]
        rows.append((str(c + 1), model, "known" if c < dataset.known else "unknown", *counts))
    print(f"{dataset.name}, {dataset.size} px, data_id {dataset.data_id}")
    if dataset.warning:
        print(f"warning: {dataset.warning}")
    print(columns(("y", "camera model", "attacker", *roles), rows))
    for role in roles:
        print(f"fingerprint of {role}: {dataset.fingerprint(role)}")  # type: ignore[arg-type]
    print(f"on disk: {size_text(sum(p.stat().st_size for p in dataset.root.rglob('*') if p.is_file()))}")
