from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, EntryPoints
from pathlib import Path
from typing import Any, ClassVar

import pytest

from benchbench.base import probe
from benchbench.base.errors import BenchError, UnknownNameError
from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.registry import Registry
from benchbench.contracts.target import Target


def _card(name: str) -> AttackCard:
    return AttackCard(name=name, title=name, version=1, knowledge="none")


@dataclass(frozen=True, kw_only=True)
class Cama(Attack):
    card: ClassVar[AttackCard] = _card("cama")

    def perturb(self, x: Any, true: Any, wanted: Any, context: CraftContext) -> Any:
        return x


class Ddn(Cama):
    card: ClassVar[AttackCard] = _card("ddn")


class Fgsm(Cama):
    card: ClassVar[AttackCard] = _card("fgsm")


class Misl(Cama):
    card: ClassVar[AttackCard] = _card("misl-cgan")


class Spoc(Cama):
    card: ClassVar[AttackCard] = _card("spoc-cgan")


@dataclass(frozen=True, kw_only=True)
class Pgd(Cama):
    epsilon: float = 0.03
    random_start: bool = True
    step_size: float = 0.01
    steps: int = 10
    card: ClassVar[AttackCard] = _card("pgd")


def points(distribution: str, version: str, **values: Any) -> list[EntryPoint]:
    """PhotoFile points of a distribution that exists here only; a value that is a string is a module to import."""

    class Dist(Distribution):
        metadata = {"Name": distribution, "Version": version}  # type: ignore[assignment]

        def read_text(self, filename: str) -> str | None:
            return None

        def locate_file(self, path: Any) -> Any:
            return path

    class Point(EntryPoint):
        def load(self) -> Any:
            return super().load() if isinstance(values[self.name], str) else values[self.name]

    found = []
    for name, value in values.items():
        text = value if isinstance(value, str) else "somewhere:Thing"
        point = Point(name, text, "benchbench.attacks")
        vars(point).update(dist=Dist())
        found.append(point)
    return found


BUILT_IN = dict(cama=Cama, ddn=Ddn, fgsm=Fgsm, pgd=Pgd) | {"misl-cgan": Misl, "spoc-cgan": Spoc}


def registry(*more: Iterable[EntryPoint]) -> Registry[Attack]:
    every = [*points("benchbench", "0.1.0", **BUILT_IN), *(p for group in more for p in group)]
    return Registry("attack", "benchbench.attacks", Attack, "--attack", lambda group: EntryPoints(every))


def stega() -> list[EntryPoint]:
    return points("benchbench-stega", "0.2", stega="kornia.stega:Stega")


def test_unknown_name() -> None:
    with pytest.raises(UnknownNameError) as caught:
        registry(stega()).create("camma")
    assert str(caught.value) == (
        "unknown attack 'camma'. Did you mean 'cama'?\n"
        "  available: cama, ddn, fgsm, misl-cgan, pgd, spoc-cgan\n"
        "  not loaded: stega (benchbench-stega 0.2): No module named 'kornia'"
    )


def test_unknown_parameter() -> None:
    with pytest.raises(UnknownNameError) as caught:
        registry().create("pgd[step=20]")
    assert str(caught.value) == (
        "attack 'pgd' has no parameter 'step'. Did you mean 'steps'?"
        "  parameters: epsilon, random_start, step_size, steps"
    )


def test_the_user_wins_over_the_profile_and_the_profile_over_defaults() -> None:
    profile = {"pgd": {"steps": 5, "epsilon": 0.5}}
    assert registry().create("pgd[steps=20]", profile) == Pgd(steps=20, epsilon=0.5)
    with pytest.raises(UnknownNameError, match="attack 'pgd' in the profile has no parameter 'step'"):
        registry().create("pgd", {"pgd": {"step": 5}})


def test_lists_globs_and_all() -> None:
    names = lambda text: [a.name for a in registry().resolve(text)]  # noqa: E731
    assert names("*-cgan,cama") == ["misl-cgan", "spoc-cgan", "cama"]
    assert names(["all", "cama"]) == ["cama", "ddn", "fgsm", "misl-cgan", "pgd", "spoc-cgan"]
    assert names("pgd,pgd[steps=10]") == ["pgd"]
    assert names("pgd,pgd[steps=20]") == ["pgd", "pgd"]
    with pytest.raises(UnknownNameError) as caught:
        names("x*")
    assert str(caught.value) == "--attack 'x*' matches none of 6 attacks.  See: bench list attacks"


def test_a_glob_that_matches_no_target() -> None:
    family = [f"{b}/{p}/{o}" for b in "abcd" for p in "uvwxyz" for o in ("complete", "partial")]
    load = lambda: dict.fromkeys(family, Cama)  # noqa: E731
    targets: Registry[Target] = Registry(
        "target", "g", Attack, "--targets", lambda group: points("benchbench", "0.1.0", grid=load)
    )  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError) as caught:
        targets.resolve("resnet*/wz/*")
    assert str(caught.value) == "--targets 'resnet*/wz/*' matches none of 48 targets.  See: bench list targets"
    with pytest.raises(UnknownNameError, match=r"available: 48 targets.  See: bench list targets"):
        targets.create("a/u/complet")


def test_two_distributions_with_one_name() -> None:
    with pytest.raises(BenchError) as caught:
        registry(points("other", "3.1", cama=Cama)).create("pgd")
    assert str(caught.value) == "attack 'cama' is registered by benchbench 0.1.0 and other 3.1; uninstall one of them."


@pytest.mark.parametrize("place", ["in a copy, on Linux", "anew"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import os; os._exit(0)", "importing it ended the process with exit code 0"),
        ("import os; os.abort()", "importing it ended the process with exit code -6"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
    ],
)
def test_a_plugin_that_ends_the_process_is_named_and_the_others_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, reason: str, place: str
) -> None:
    if place == "anew":
        monkeypatch.setattr(probe, "copied", lambda *_: None)
    (tmp_path / "bomb.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    found = registry(points("somebodys-bomb", "0.2", bomb="bomb:Bomb"))
    assert "pgd" in found.names() and [str(f) for f in found.failures()] == [f"bomb (somebodys-bomb 0.2): {reason}"]


def test_what_all_leaves_out_is_noted() -> None:
    def make() -> Attack:
        raise ValueError("not here")

    found = registry(points("somebodys", "0.2", family=lambda: {"odd": make}))
    assert len(found.resolve("all")) == len(BUILT_IN)
    assert len(found.left_out) == 1 and "'odd' (somebodys 0.2) cannot be made" in found.left_out[0]


def test_a_plugin_that_fails_is_kept_and_the_others_load() -> None:
    def explode() -> Iterator[str]:
        raise RuntimeError("boom")

    found = registry(stega(), points("x", "1", family=explode, number=3, wrong=Pgd))
    assert found.names() == sorted(BUILT_IN)
    assert {f.name: f.reason for f in found.failures()} == {
        "stega": "No module named 'kornia'",
        "family": "RuntimeError: boom",
        "number": "somewhere:Thing is a int; a subclass or an instance of Attack, a function that returns names "
        "and factories, or a bridge is expected.",
        "wrong": "its card is named 'pgd'; entry point and card must agree.",
    }


class Plain:
    """A thing without parameters.

    More about it.
    """


class Named(Plain):
    name = "named"


def test_any_class_can_have_a_registry() -> None:
    """Not only dataclasses with cards: classes without parameters, instances, names that they give themselves."""
    here = points("x", "1", plain=Plain, named=Named, other=Named())
    things = Registry("thing", "g", Plain, entry_points=lambda group: here)
    assert things.names() == ["named", "plain"] and type(things.create("plain")) is Plain
    assert things.summary("plain") == "A thing without parameters." and things.summary("named") == ""
    assert [str(f) for f in things.failures()] == [
        "other (x 1): its class is named 'named'; entry point and class must agree."
    ]
    with pytest.raises(UnknownNameError, match=r"thing 'plain' has no parameter 'size'.  parameters: none"):
        things.create("plain[size=1]")
    with pytest.raises(UnknownNameError, match=r"thing 'x\*' matches none of 2 things.  See: bench list things"):
        things.resolve("x*")
    one = Pgd(steps=7)
    attacks = Registry("attack", "g", Attack, "--attack", lambda group: points("x", "1", pgd=one))
    assert attacks.create("pgd") is one and attacks.create("pgd[steps=8]") == Pgd(steps=8)
    assert "pgd" in attacks and "pgt" not in attacks


def test_a_family_may_know_more_names_than_it_lists() -> None:
    class Numbers(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            if not name.isdecimal():
                raise KeyError(name)
            return lambda: Pgd(steps=int(name))

    load = lambda: Numbers({"1": lambda: Pgd(steps=1)})  # noqa: E731
    found = registry(points("more", "2", numbers=load))
    assert found.create("12[epsilon=0.5]") == Pgd(steps=12, epsilon=0.5) and found.origin("12") == "more 2"
    assert found.resolve("1*") == [Pgd(steps=1)] and "12" not in found.names() and "12" in found
    with pytest.raises(UnknownNameError, match="unknown attack 'x1'"):
        found.create("x1")


def test_a_real_plugin(plugin: Path) -> None:
    attacks = Registry("attack", "benchbench.attacks", Attack, "--attack")
    assert {"shift", "fade"} <= set(attacks.names())
    assert attacks.origin("shift") == "benchbench-stega 0.2"
    assert "stega (benchbench-stega 0.2): No module named 'kornia'" in map(str, attacks.failures())
    assert attacks.bridges()["toybox"] == ["Shove"]
    assert attacks.create("toybox:Shove[strength=0.1]") == attacks.create("shift[strength=0.1]")
    assert "toybox:Shove" not in attacks.names()
    assert len(attacks.resolve("toybox:*")) == 1
    with pytest.raises(UnknownNameError, match="Did you mean 'toybox'"):
        attacks.create("toyboks:Shove")
    targets = Registry("target", "benchbench.targets", Target, "--targets")
    assert [t.name for t in targets.resolve("toy/*/partial")] == ["toy/rgb/partial", "toy/gray/partial"]
    assert targets.create("toy/rgb/partial[steps=9]").spec()["params"]["steps"] == 9


@pytest.mark.parametrize(
    "module", ["benchbench", "benchbench.contracts.registry", "benchbench.cli", "benchbench.report"]
)
def test_importing_imports_neither_torch_nor_plugins(module: str) -> None:
    heavy = "('torch', 'benchbench_attacks', 'benchbench_targets')"
    code = f"import sys, {module}; print([m for m in sys.modules if m.split('.')[0] in {heavy}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_exists() -> None:
    import benchbench

    assert all(getattr(benchbench, name) is not None for name in benchbench.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = benchbench.nothing
