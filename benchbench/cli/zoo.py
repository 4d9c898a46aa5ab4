"""bench zoo: the trained networks that come with benchbench."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchbench.base.errors import BenchError
from benchbench.cli import options as opt
from benchbench.cli.text import columns, size_text

if TYPE_CHECKING:
    from benchbench.cli.options import Request

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="The trained networks of the default profile, which come with benchbench so that a first run trains nothing.",
)

ATTACKS = [
    "cama,misl-cgan,spoc-cgan,fgsm,pgd,ddn",
    "siamte,siamte[fidelity_weight=500],siamte[similarity=false]",
    "siamte[fidelity=false],siamte[identity=false],dn-e,ad-1",
    "augmented2020:*,augmented-cgan[critic=rgb]",
    "spoc,spoc[embedder=False],spoc[discriminator=False,psnr=None]",
    "ti-mi-fgsm[on=tuama2016+bondi2017+xception+inceptionv3]",
]
TARGETS = [
    "all",
    *(f"siamte2020:{task}/*" for task in ("vote", "clustering", "trace")),
    "augmented2020:*",
    "spoc2019:*",
]
"""What the zoo of benchbench holds: the networks of the leaderboard, then those of papers; fingerprints are none. One
iterated rival of SpoC names all networks of q that any is built on."""
_Place = Annotated[Path | None, typer.Option("--zoo", help="The folder of the zoo; default: the one of benchbench.")]
_Attacks = Annotated[list[str], typer.Option("--attack", "-a", help="Whose evaluators and generators.")]


@app.command()
def build(
    attack: _Attacks = ATTACKS,
    targets: opt.Targets = TARGETS,
    profile: opt.ProfileName = "quick",
    device: opt.Device = "cpu",
    workers: opt.Workers = 0,
    batch: opt.Batch = 16,
    cache: opt.CacheFolder = None,
    place: _Place = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Train the networks that the cache lacks and fill the zoo with them.

    What the zoo holds already is not used, so an empty cache trains everything anew: hours for the quick profile. A
    build that is stopped goes on from its checkpoints. On one kind of processor it gives the same files to the byte.

    Examples:

      bench zoo build

      bench zoo build --cache fresh --zoo again
    """
    from benchbench.cli.display import display
    from benchbench.harness.zoo import build as build_zoo

    if place is None and (attack, targets, profile) != (ATTACKS, TARGETS, "quick"):
        raise BenchError("the zoo of benchbench holds what `bench zoo build` makes; name another folder with --zoo.")
    asked, arguments = _request(attack, targets, profile, device, workers, batch, cache)
    zoo = _zoo(place)
    build_zoo(zoo, asked.attacks, asked.targets, **arguments, display=None if quiet else display())
    files = [zoo.path(fit_id) for fit_id in zoo.ids()]
    print(f"{len(files)} networks, {size_text(sum(path.stat().st_size for path in files))} in {zoo.root}")


@app.command()
def verify(
    attack: _Attacks = ATTACKS,
    targets: opt.Targets = TARGETS,
    profile: opt.ProfileName = "quick",
    device: opt.Device = "cpu",
    workers: opt.Workers = 0,
    batch: opt.Batch = 16,
    cache: opt.CacheFolder = None,
    place: _Place = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Check every file of the zoo, recompute the clean accuracies, and compare them with the records.

    Exit code 1 if a file is missing, damaged or out of date, or an accuracy is another by more than one photograph.

    Examples:

      bench zoo verify
    """
    from benchbench.cli.display import display
    from benchbench.contracts.trials import SPLITS
    from benchbench.harness.zoo import verify as verify_zoo

    asked, arguments = _request(attack, targets, profile, device, workers, batch, cache)
    zoo = _zoo(place)
    clean, wrong = verify_zoo(zoo, asked.attacks, asked.targets, **arguments, display=None if quiet else display())
    rows: list[tuple[str, ...]] = [
        (name, *(str(scores[split]) for split in SPLITS)) for name, scores in clean.targets.items()
    ]
    rows += [(f"evaluator of {name}", str(score), "-") for name, score in clean.evaluators.items()]
    print(columns(("clean accuracy", "known models", "unknown models"), rows))
    for sentence in wrong:
        print(f"wrong: {sentence}")
    if wrong:
        raise typer.Exit(1)
    print(f"all {len(zoo.networks)} networks are there and as recorded.")


@app.command()
def info(place: _Place = None) -> None:
    """List the networks of the zoo: what they are, where and for how long they were trained, how well they do.

    Examples:

      bench zoo info
    """
    zoo = _zoo(place)
    there = zoo.ids()
    rows = []
    for fit_id, record in sorted(zoo.networks.items(), key=lambda item: str(item[1]["label"])):
        rows.append(
            (
                record["label"],
                fit_id[:8],
                size_text(record["bytes"]) if fit_id in there else "missing",
                f"{record['seconds']:.0f} s",
                _told(record),
            )
        )
    if not rows:
        print(f"no networks in {zoo.root}; make them with: bench zoo build")
        return
    print(columns(("network", "fit", "size", "trained", "found"), rows))
    size = sum(zoo.path(fit_id).stat().st_size for fit_id in there)
    print(f"{len(there)} networks, {size_text(size)} in {zoo.root}")
    for data_id, facts in zoo.index["photographs"].items():
        print(f"trained on photographs {data_id} ({facts['name']})")
    sources = (record["provenance"] for record in zoo.networks.values())
    for machine, commit in sorted(
        {(str(p["device"] if p["device"] != "cpu" else p["cpu"]), str(p["commit"])) for p in sources}
    ):
        print(f"trained on {machine}, commit {commit}")


def _told(record: Any) -> str:
    """Say how well a network does, in the terms of its kind."""
    facts = record["facts"]
    if record["clean"]:
        scores = sorted(record["clean"].items())
        found = (f"{split} {100 * s['correct'] / s['of']:.1f} %" for split, s in scores if s["of"])
        return f"clean accuracy {', '.join(found)}"
    if "evaluator_success" in facts:
        success = " / ".join(f"{100 * value:.0f}" for value in facts["evaluator_success"])
        return f"fools its evaluator's streams in {success} %, PSNR {facts['psnr_held_out']:.1f} dB (held-out q)"
    if "epsilon" in facts:
        return f"epsilon {255 * facts['epsilon']:.2f}/255, PSNR {facts['psnr_held_out']:.2f} dB (held-out q)"
    if len(facts.get("score", ())) == 2:
        return f"accuracy {100 * facts['score'][0]:.1f} % (held-out q)"
    return f"mean squared error {-facts['score'][0]:.2f} gray levels² (held-out q)" if facts.get("score") else ""


def _zoo(place: Path | None) -> Any:
    from benchbench.records.zoo import PACKAGED, Zoo

    return Zoo(place or PACKAGED)


def _request(
    attack: list[str], targets: list[str], profile: str, device: str, workers: int, batch: int, cache: Path | None
) -> tuple[Request, dict[str, Any]]:
    asked = opt.request(attack, targets, profile, "in,out", "virtual", None, None)
    options = opt.options(device, workers, batch, str(cache) if cache else None, opt.RESULTS)
    return asked, {"profile": asked.profile, "source": asked.source, "options": options}
