"""Courses of training: attacks at several lengths, the judges that they are tried on, and what all of it takes."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

from benchbench.base.errors import BenchError
from benchbench.base.identity import digest
from benchbench.contracts.attack import ATTACKS, Attack
from benchbench.contracts.fit import Fit, Setup, collect
from benchbench.contracts.profile import Profile
from benchbench.contracts.roles import Role
from benchbench.harness.pace import expected_seconds, measured_records
from benchbench.records.cache import Cache

ROLE: Role = "q"
"""Whose photographs all of it is trained and tried on."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """An attack that is trained for so many times the profile's length.

    Attributes:
        label: the attack's name, and its parameters where they are not the profile's.
        setup: its profile is the longer one.
        steps: of the generator's training.
        grown: the fits whose training is as much longer: the generator, or several.
    """

    attack: Attack
    label: str
    length: float
    setup: Setup
    steps: int
    grown: tuple[Fit, ...] = ()

    @property
    def key(self) -> str:
        """The name of its job."""
        return f"{self.label} x {self.length:g}"


def lengthened(profile: Profile, length: float, attack: str) -> Profile:
    """Return the profile with `length` times the epochs of an attack's conditional GAN.

    Raises:
        BenchError: that is no whole number of epochs.
    """
    usual = profile.cgan_recipe(attack).epochs
    found = round(usual * length)
    if found < 1 or not math.isclose(found, usual * length):
        raise BenchError(
            f"{length:g} times the {usual} epochs of '{attack}' are {usual * length:g}, no whole number; "
            "name other lengths with --lengths."
        )
    changed = {attack: {**profile.cgan_overrides.get(attack, {}), "epochs": found}}
    return profile.model_copy(update={"cgan_overrides": {**profile.cgan_overrides, **changed}})


def courses(attacks: Sequence[Attack], lengths: Sequence[float], setup: Setup) -> list[Course]:
    """Return each attack at each length.

    Raises:
        BenchError: an attack that trains nothing by the profile's section [cgan], or no whole number of epochs.
    """
    found = []
    for attack in attacks:
        plain = ATTACKS.create(attack.name, setup.profile.attacks) if attack.name in ATTACKS else attack
        usual = plain.spec()["params"]
        own = {k: v for k, v in attack.spec()["params"].items() if k not in usual or usual[k] != v}
        # As it is typed: booleans are small there.
        words = [f"{name}={str(v).lower() if isinstance(v, bool) else v}" for name, v in own.items()]
        label = attack.name + (f"[{','.join(words)}]" if words else "")
        once, twice = (attack.fits(replace(setup, profile=lengthened(setup.profile, k, attack.name))) for k in (1, 2))
        grows = [name for name, f in once.items() if f.fit_id(setup.data_id) != twice[name].fit_id(setup.data_id)]
        if not any(training_steps(once[name]) for name in grows):
            raise BenchError(
                f"attack '{attack.name}' trains nothing by the profile's section [cgan], whose epochs are "
                "multiplied here; an attack with a conditional GAN is expected."
            )
        for length in lengths:
            longer = replace(setup, profile=lengthened(setup.profile, length, attack.name))
            fits = attack.fits(longer)
            grown = [fits[name] for name in grows]
            steps = max(training_steps(fit) or 0 for fit in grown)
            found.append(
                Course(attack=attack, label=label, length=length, setup=longer, steps=steps, grown=tuple(grown))
            )
    return found


def judges_of(names: Sequence[str], setup: Setup) -> dict[str, Fit]:
    """Return the fits of networks that attacks are tried on: trained on q, told to nobody, never a target.

    They measure, so that they are the same whatever the seed of the attacks, and start from numbers of their own: with
    the seed of an attack's evaluator they would draw the same weights and the same patches as it does.

    Args:
        names: preprocessors, in front of a ResNet-18, or 'BACKBONE/PREPROCESSOR'.

    Raises:
        UnknownNameError: no such backbone or preprocessor.
    """
    from benchbench.learn.training import classifier

    found: dict[str, Fit] = {}
    for name in (name.removeprefix("resnet18/") for name in names):
        backbone, _, preprocessor = (name if "/" in name else f"resnet18/{name}").partition("/")
        label = f"judge/{name}"
        own = replace(setup, seed=int(digest("judge", label)[:7], 16))
        found[name] = classifier(own, backbone=backbone, preprocessor=preprocessor, name=label)
    return found


def training_steps(fit: Fit) -> int | None:
    """Return how many batches a fit trains on; None of one that trains nothing."""
    recipe = getattr(fit, "recipe", None)
    sizes = [getattr(recipe, name, None) for name in ("epochs", "patches_per_epoch", "batch")]
    if not all(isinstance(size, int) for size in sizes):
        return None
    epochs, patches, batch = (int(size or 0) for size in sizes)
    return epochs * max(1, patches // batch)


def kept_after(course: Course, cache: Cache) -> int | None:
    """Return after how many steps of its training the generator was what it is; None where records do not say.

    It is that of one epoch, which the attack's own evaluator chose: seldom the last.
    """
    found = []
    for fit in course.grown:
        fit_id, steps = fit.fit_id(course.setup.data_id), training_steps(fit)
        facts = cache.record(fit_id)["facts"] if steps and cache.has(fit_id) else {}
        curve = facts.get("curve", ())
        chosen = [entry["epoch"] for entry in curve if entry["score"] == facts.get("score")]
        if steps and chosen:
            found.append(max(chosen) * steps // max(entry["epoch"] for entry in curve))
    return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Network:
    """A line of a plan."""

    fit_id: str
    fit: Fit
    course: str
    """The key of the course that needs it; '' where several do, or the judges."""
    there: bool
    seconds: float
    """That its training takes, or would take."""
    measured: bool
    """Whether fits like it, computed here, say so."""


def networks_of(
    work: Sequence[Course],
    asked: Mapping[str, Fit],
    setup: Setup,
    cache: Cache,
    device: str,
    stored: Container[str] = frozenset(),
) -> list[Network]:
    """Return what courses and judges need, parents first, without what finished networks were trained on.

    Args:
        device: that would train them, as torch names it.
        stored: ids of fits that can be had without training.
    """

    def there(fit_id: str) -> bool:
        return cache.has(fit_id) or fit_id in stored

    roots = dict(asked)
    users: dict[str, list[str]] = {}
    for course in work:
        for name, fit in course.attack.fits(course.setup).items():
            roots[f"{course.key} {name}"] = fit
            users.setdefault(fit.fit_id(setup.data_id), []).append(course.key)
    records = measured_records(cache, device)
    found = []
    for fit_id, fit in collect(roots, setup.data_id, there).items():
        seconds, measured = expected_seconds(fit, records)
        mine = users.get(fit_id, [])
        needed_by = mine[0] if len(mine) == 1 else ""
        found.append(Network(fit_id, fit, needed_by, there(fit_id), seconds, measured))
    return found
