"""bench new, bench check: for authors of attacks and targets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbench.cli import options as opt
from benchbench.records.cache import default_cache

new = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Write a plugin project that works as it is.")
check = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Say whether an attack or a target keeps its contract."
)

Name = Annotated[str, typer.Argument(help="NAME or NAME[parameter=value,...].")]


@new.command("attack")
def new_attack(
    name: Annotated[str, typer.Argument(help="What people will type: lower-case letters, digits, hyphens.")],
    directory: Annotated[Path, typer.Option("--in", help="Where the project's folder is made.")] = Path(),
) -> None:
    """Write a project with an attack, its entry point and its test into a new folder benchbench-NAME.

    Example: bench new attack box-blur && pip install -e benchbench-box-blur && bench check attack box-blur
    """
    from benchbench.authoring.scaffold import new_attack as write

    files = write(name, directory)
    for path in files:
        print(path)
    folder = files[0].parent
    print(f"next: pip install -e {folder} && bench check attack {name}")


@check.command("attack")
def check_attack(name: Name, profile: opt.ProfileName = "smoke", cache: opt.CacheFolder = None) -> None:
    """Craft a few photographs and hold the attack to its contract.

    What it needs is trained first, at the profile's size. Range, shape, type, NaN; the same for the same seeds, alone
    and in a batch, in any order, in any size; its input and the global random state untouched.

    Example: bench check attack 'pgd[steps=3]'
    """
    from benchbench.authoring.conformance import try_attack
    from benchbench.contracts.attack import ATTACKS
    from benchbench.contracts.profile import load_profile

    chosen = load_profile(profile)
    _say(name, try_attack(ATTACKS.create(name, chosen.attacks), chosen, cache or default_cache()))


@check.command("target")
def check_target(name: Name, profile: opt.ProfileName = "smoke", cache: opt.CacheFolder = None) -> None:
    """Train a target at the profile's size and hold it to its contract.

    Logits of the right shape, finite, the same on every call, alone and in a batch; its input untouched.

    Example: bench check target resnet18/hp/complete
    """
    from benchbench.authoring.conformance import try_target
    from benchbench.contracts.profile import load_profile
    from benchbench.contracts.target import TARGETS

    chosen = load_profile(profile)
    _say(name, try_target(TARGETS.create(name), chosen, cache or default_cache()))


def _say(name: str, kept: list[str]) -> None:
    for line in kept:
        print(f"ok  {line}")
    print(f"{name} keeps its contract.")
