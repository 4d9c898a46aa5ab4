"""Learning curves: figures against plain numpy, looks at attacks that are known, the command on a tiny benchmark."""

from __future__ import annotations

import csv
import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from scipy.stats import t as student

from benchbench.base.errors import BenchError
from benchbench.contracts import profile as profiles
from benchbench.contracts.attack import ATTACKS, Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Setup, silent
from benchbench.contracts.photographs import Dataset
from benchbench.contracts.profile import load_profile
from benchbench.contracts.roles import is_validation
from benchbench.data.source import RecipeSource
from benchbench.data.virtual.recipe import VirtualRecipe
from benchbench.harness.fits import FitCall
from benchbench.harness.options import RunOptions
from benchbench.harness.pace import expected_seconds, pace
from benchbench.learn.training import ClassifierFit
from benchbench.records.cache import Cache
from benchbench.studies.courses import courses, judges_of, kept_after, lengthened, training_steps
from benchbench.studies.learning import Look, Reading, Retakes, held_out
from benchbench.studies.learning_tables import MEAN, figures_of

TINY = VirtualRecipe(size=32, scenes=4, q_per_device=2, p_per_device=1, test_per_class=1, known=3, unknown=0)


def setup_of(profile: str = "smoke") -> Setup:
    return Setup(profile=load_profile(profile), data_id="none", known=3, classes=3)


def test_a_course_is_the_attack_with_so_many_epochs_and_nothing_else() -> None:
    setup = setup_of("quick")
    attacks = ATTACKS.resolve("cama,cama[classifier_weight=0.02],augmented2020:img", setup.profile.attacks)
    found = courses(attacks, [1, 3], setup)
    assert [c.key for c in found[:4]] == [
        "cama x 1", "cama x 3", "cama[classifier_weight=0.02] x 1", "cama[classifier_weight=0.02] x 3"
    ]  # fmt: skip
    cgan = setup.profile.cgan
    assert [c.steps for c in found[:2]] == [28_800, 86_400] == [cgan.epochs * 300 * k for k in (1, 3)]
    first, longer = (c.attack.fits(c.setup) for c in found[:2])
    ids = [{name: fit.fit_id("none") for name, fit in mine.items()} for mine in (first, longer)]
    assert ids[0] == {name: fit.fit_id("none") for name, fit in attacks[0].fits(setup).items()}, "an ordinary fit"
    assert [name for name in ids[0] if ids[0][name] != ids[1][name]] == ["generator"]
    half = lengthened(setup.profile, 0.5, "cama")
    assert half.cgan_recipe("cama").epochs * 2 == cgan.epochs and half.cgan_recipe("misl-cgan") == cgan
    assert lengthened(half, 2, "cama").cgan_recipe("cama") == cgan
    with pytest.raises(BenchError, match=r"0\.3 times the 96 epochs of 'cama' are 28\.8, no whole number"):
        lengthened(setup.profile, 0.3, "cama")
    own = setup.profile.model_copy(update={"cgan_overrides": {"cama": {"epochs": 7}, "misl-cgan": {"batch": 2}}})
    assert lengthened(own, 3, "cama").cgan_recipe("cama").epochs == 21
    longer = lengthened(own, 3, "misl-cgan").cgan_recipe("misl-cgan")
    assert (longer.epochs, longer.batch) == (3 * cgan.epochs, 2), "and the rest as it was said"
    assert courses(ATTACKS.resolve("cama"), [1 / 32], setup)[0].steps == 900, "whatever others are multiplied to"
    with pytest.raises(BenchError, match=r"attack 'pgd' trains nothing by the profile's section \[cgan\]"):
        courses(ATTACKS.resolve("pgd"), [1], setup)


def test_judges_are_networks_of_q_that_no_target_and_no_evaluator_is() -> None:
    setup = setup_of()
    found = judges_of(["cc", "ww", "vgg16/hp"], setup)
    assert [(f.role, f.backbone, f.preprocessor) for f in found.values()] == [  # type: ignore[attr-defined]
        ("q", "resnet18", "cc"), ("q", "resnet18", "ww"), ("q", "vgg16", "hp")
    ]  # fmt: skip
    # A fit of another name and the same seed would be the same network: what tells it apart must change its weights.
    evaluators = ATTACKS.create("misl-cgan").fits(setup), ATTACKS.create("augmented-cgan").fits(setup)
    own = [replace(fit, name="") for fits in evaluators for fit in fits.values() if isinstance(fit, ClassifierFit)]
    nameless = [replace(fit, name="") for fit in found.values()]  # type: ignore[call-arg]
    assert own and not [fit for fit in nameless if fit in own or replace(fit, seed=setup.seed) == fit]
    assert len({fit.seed for fit in found.values()}) == 3, "nor do judges share their batches"
    assert judges_of(["cc"], replace(setup, seed=1)) == judges_of(["resnet18/cc"], setup), "one judge for all seeds"


def test_the_plan_knows_networks_alike_by_their_epochs_and_weights() -> None:
    setup = setup_of()
    names = ("cama", "cama[classifier_weight=0.5]", "cama[adversarial_weight=0]")
    one, weighed, alone = (ATTACKS.create(name).fits(setup)["generator"] for name in names)
    longer = ATTACKS.create("cama").fits(replace(setup, profile=lengthened(setup.profile, 4, "cama")))["generator"]
    assert training_steps(longer) == 4 * (training_steps(one) or 0) == 16
    records = [{"label": one.label, "spec": one.spec(), "work": one.cost, "seconds": 30.0}]
    assert expected_seconds(replace(one, seed=1), records) == (30, True), "nor is a seed of weight"
    tied = replace(one, recipe=one.recipe.model_copy(update={"tied": 0.05}))
    assert expected_seconds(tied, records) == (30, True), "nor which epoch is kept"
    assert expected_seconds(longer, records) == (pytest.approx(120.0), True)
    assert expected_seconds(weighed, records) == (pytest.approx(30.0), True)
    assert expected_seconds(alone, records)[1] is False, "without a critic a step takes less"
    assert expected_seconds(one, []) == (pytest.approx(one.cost * pace([])), False)
    assert training_steps(one.needs()["remosaiced"]) is None


def test_a_generator_is_of_the_epoch_that_its_record_says(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup(profile=load_profile("quick"), data_id="none", known=6, classes=12)
    (course,) = courses(ATTACKS.resolve("cama", setup.profile.attacks), [0.25], setup)
    curve = [{"epoch": epoch, "score": [score]} for epoch, score in ((6, 0.5), (12, 0.9), (18, 0.9), (24, 0.2))]
    records = {"facts": {"curve": curve, "score": [0.9]}}
    monkeypatch.setattr(Cache, "has", lambda cache, fit_id: True)
    monkeypatch.setattr(Cache, "record", lambda cache, fit_id: records)
    assert course.steps == 7200 and kept_after(course, Cache(Path("none"))) == 5400, "the later of equals"
    records["facts"] = {}
    assert kept_after(course, Cache(Path("none"))) is None


def reading(seed: int = 0, photographs: int = 30, scenes: int = 10) -> Reading:
    """Every photograph of three models wanted as both others; a scene's photographs have much in common."""
    rng = np.random.default_rng(seed)
    true = np.repeat(np.arange(photographs) % 3, 2)
    order = np.argsort(true, kind="stable")
    true, image = true[order], np.repeat(np.arange(photographs), 2)
    wanted = (true + np.tile([1, 2], photographs)) % 3
    scene = np.repeat(rng.integers(0, scenes, photographs), 2)
    common = rng.normal(0, 2, scenes)[scene]
    psnr = 35 + wanted + common + rng.normal(0, 0.1, len(true))
    psnr[:2] = np.inf
    said = {"a": np.where(common > 0, wanted, true), "b": rng.integers(0, 3, len(true))}
    cosine = np.where(np.isinf(psnr), np.nan, common / 10)
    return Reading(
        image=image, scene=scene, true=true, wanted=wanted, said=said, own={"all": wanted}, psnr=psnr, cosine=cosine
    )


def test_figures_are_means_over_wanted_models_with_scenes_as_clusters() -> None:
    one = reading()
    found = figures_of(one, 3)
    rates = {}
    for name, said in one.said.items():
        rates[name] = np.mean([(said == one.wanted)[one.wanted == c].mean() for c in range(3)])
        assert found.success[name].value == pytest.approx(rates[name])  # type: ignore[union-attr]
    assert found.success[MEAN].value == pytest.approx(np.mean(list(rates.values())))  # type: ignore[union-attr]
    assert found.own["all"].value == 1 and found.own["all"].low > 0.6  # type: ignore[union-attr]
    changed = np.isfinite(one.psnr)
    by_class = [one.psnr[changed & (one.wanted == c)].mean() for c in range(3)]
    assert [e.value for e in found.psnr_by_class.values()] == pytest.approx(by_class)  # type: ignore[union-attr]
    assert found.psnr is not None and found.cosine is not None
    assert found.psnr.value == pytest.approx(np.mean(by_class)) and 30 < found.psnr.low < found.psnr.high < 42
    assert found.photographs == 30
    named = figures_of(one, 3, named=True).success["b"]
    assert named is not None and named.value == pytest.approx(
        np.mean([(one.said["b"] == one.true)[::2][one.true[::2] == c].mean() for c in range(3)])
    )


def test_photographs_of_one_scene_count_as_one() -> None:
    """Of one class, all alike within a scene: the interval is Student's over the scenes' means."""
    scenes, each = 6, 5
    value = np.random.default_rng(3).normal(35, 2, scenes)
    count = scenes * each
    one = Reading(
        image=np.arange(count),
        scene=np.repeat(np.arange(scenes), each),
        true=np.zeros(count, np.int64),
        wanted=np.ones(count, np.int64),
        said={},
        own={},
        psnr=np.repeat(value, each),
        cosine=None,
    )
    found = figures_of(one, 2)
    half = student.ppf(0.975, scenes - 1) * value.std(ddof=1) / np.sqrt(scenes)
    assert found.psnr is not None and found.cosine is None and found.success[MEAN] is None
    assert (found.psnr.low, found.psnr.high) == pytest.approx((value.mean() - half, value.mean() + half))
    apart = figures_of(replace(one, scene=np.arange(count)), 2).psnr
    assert apart is not None and apart.high - apart.low < found.psnr.high - found.psnr.low


@dataclass(frozen=True, kw_only=True)
class Mirror(Attack):
    """Changes a photograph by a multiple of what the wanted camera would: what it has in common is known."""

    card: ClassVar[AttackCard] = AttackCard(name="mirror", title="Mirror", version=1, knowledge="oracle")
    share: float = 1.0

    def perturb(self, x: torch.Tensor, true: Any, wanted: torch.Tensor, context: CraftContext) -> torch.Tensor:
        assert context.retake is not None
        return torch.clamp(x + self.share * (context.retake(wanted) - x), 0, 1)

    def surrogate(self, x: torch.Tensor, context: CraftContext) -> torch.Tensor:
        return torch.eye(context.known)[[0]].expand(len(x), -1)


def test_a_look_at_attacks_whose_change_is_known(tmp_path: Path) -> None:
    source = RecipeSource.of(TINY)
    data = source.build(tmp_path, 1, lambda *_: None)
    setup = source.facts(tmp_path).setup(load_profile("smoke"), 0)
    chosen = held_out(data)
    labels = data.labels("q")
    held = np.flatnonzero(is_validation(labels["camera"], 0) & (labels["camera"] < 3))
    assert np.array_equal(np.unique(chosen.image), held) and len(chosen) == 2 * len(held) > 0
    assert (chosen.true != chosen.wanted).all() and np.array_equal(chosen.true, labels["camera"][chosen.image])
    retakes = Retakes(source=source, trials=chosen, cache=tmp_path)
    retakes(silent)

    def look(attack: Attack | None) -> Look:
        return Look(
            attack=attack,
            setup=setup,
            judges={},
            trials=chosen,
            source=source,
            retakes=retakes,
            options=RunOptions(workers=1, cache=tmp_path),
        )

    whole, opposite, nothing = (look(a)(silent) for a in (Mirror(), Mirror(share=-0.5), None))
    assert whole.cosine is not None and opposite.cosine is not None and nothing.cosine is not None
    assert np.allclose(whole.cosine, 1, atol=1e-6) and (opposite.cosine < -0.9).all()
    assert np.isnan(nothing.cosine).all() and np.isinf(nothing.psnr).all() and nothing.own == {}
    assert (whole.own["all"] == 0).all()
    pixels = data.photos("q").images[chosen.image].astype(float)
    error = np.square(retakes.load() - pixels).mean((1, 2, 3))
    assert np.allclose(whole.psnr, 10 * np.log10(255**2 / error))
    assert np.allclose(opposite.psnr - whole.psnr, 20 * np.log10(2), atol=1), "half as loud"


def test_two_at_once_take_photographs_once(tmp_path: Path) -> None:
    source = RecipeSource.of(TINY)
    retakes = Retakes(source=source, trials=held_out(source.build(tmp_path, 1, lambda *_: None)), cache=tmp_path)
    seen: list[list[str]] = [[], []]
    meet = threading.Barrier(2)

    def take(which: int) -> None:
        meet.wait()
        retakes(lambda done, total, text: seen[which].append(text))

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(take, which) for which in (0, 1)]:
            done.result()
    waited, took = sorted(seen, key=lambda texts: texts.count(""))
    assert set(took) == {""} and set(waited) <= {"waits for another run"}
    assert len(retakes.load()) == len(retakes.trials) and not list(tmp_path.rglob("*.part"))


def test_trials_are_not_looked_at_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, times = reading(), []
    monkeypatch.setattr(Look, "read", lambda self, progress: times.append(1) or found)
    setup = setup_of()
    source = RecipeSource.of(TINY)
    trials: Any = type("T", (), {"image": found.image, "wanted": found.wanted})
    options = RunOptions(workers=1, cache=tmp_path)
    one = Look(attack=Mirror(), setup=setup, judges={}, trials=trials, source=source, retakes=None, options=options)
    first = one(silent).to_json()
    assert json.dumps(one(silent).to_json()) == json.dumps(first) == json.dumps(found.to_json()) and len(times) == 1
    kept = next((tmp_path / "learning").glob("*.json"))
    kept.write_text(kept.read_text()[:40])
    one(silent)
    assert len(times) == 2
    retakes = Retakes(source=source, trials=trials, cache=tmp_path)
    trained = replace(one, attack=ATTACKS.create("misl-cgan"))
    longer = replace(setup, profile=lengthened(setup.profile, 2, "misl-cgan"))
    keys = [
        one.key(),
        replace(one, attack=Mirror(share=2.0)).key(),
        replace(one, judges=judges_of(["cc"], setup)).key(),
        replace(one, retakes=retakes).key(),
        trained.key(),
        replace(trained, setup=longer).key(),
    ]
    assert len(set(keys)) == len(keys)
    assert replace(one, setup=longer).key() == one.key(), "nothing of it is trained"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The networks of `smoke` on photographs of three models."""
    text = (Path(profiles.__file__).parent / "profiles" / "smoke.toml").read_text(encoding="utf-8")
    text = re.sub(r"\[data\]\n(?:\w+ = \d+\n)+", "", text).replace('name = "smoke"', 'name = "small"')
    size = "size = 32\nscenes = 4\nq_per_device = 2\np_per_device = 1\ntest_per_class = 1\nknown = 3\nunknown = 0\n"
    file = tmp_path_factory.mktemp("profile") / "small.toml"
    file.write_text(f"{text}\n[data]\n{size}")
    return str(file)


def test_what_goes_without_training_does_not_go_with_it(bench_here: Callable[..., Any], small: str) -> None:
    for words, sentence in (
        (["--training", "--condition", "float"], "bench: --condition goes without --training; see bench curve --help."),
        (["--lengths", "1,2"], "bench: --lengths goes with --training; see bench curve --help."),
        (
            ["--training", "--lengths", "0,2"],
            "bench: --lengths '0,2'; numbers above 0 with commas between are",
        ),
        (["--training", "--judges", ","], "bench: --judges is empty; preprocessors are expected, as in cc,fd,hp."),
        (["--training", "--attack", "pgd", "--profile", small], "bench: attack 'pgd' trains nothing by the profile's"),
    ):
        ended = bench_here("curve", *words)
        assert ended.returncode == 2 and ended.stderr.startswith(sentence), ended.stderr


def roles_seen(monkeypatch: pytest.MonkeyPatch, *methods: tuple[type, str]) -> set[str]:
    """Return the roles whose photographs are opened while one of these methods runs; filled as they run."""
    running: list[str] = []
    found: set[str] = set()
    photos = Dataset.photos

    def noted(self: Dataset, role: Any, *rest: Any, **more: Any) -> Any:
        found.update([role] if running else [])
        return photos(self, role, *rest, **more)

    def during(method: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            running.append(method.__qualname__)
            try:
                return method(*arguments)
            finally:
                running.pop()

        return called

    monkeypatch.setattr(Dataset, "photos", noted)
    for owner, name in methods:
        monkeypatch.setattr(owner, name, during(getattr(owner, name)))
    return found


def test_the_command_on_a_tiny_benchmark(
    bench_here: Callable[..., Any], small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ["--training", "--profile", small, "--cache", str(tmp_path / "c"), "--workers", "1", "--judges", "cc"]
    asked = ["--attack", "misl-cgan,misl-cgan[adversarial_weight=0]", "--no-zoo"]
    planned = bench_here("curve", *place, *asked, "--lengths", "1,2", "--dry-run")
    assert planned.returncode == 0 and not (tmp_path / "c" / "fits").exists(), "nothing is trained"
    lines = [line for line in planned.stdout.splitlines() if line.startswith("generator/misl-cgan ")]
    assert [re.split(r"  +", line)[1] for line in lines] == [
        f"misl-cgan{changed} x {length}" for changed in ("", "[adversarial_weight=0]") for length in (1, 2)
    ]  # fmt: skip
    seen = roles_seen(monkeypatch, (FitCall, "__call__"), (Look, "read"))
    figure = tmp_path / "out" / "l.png"
    first = bench_here("curve", *place, *asked, "--lengths", "1", "-q", "-o", str(figure))
    assert first.returncode == 0, first.stderr
    trained = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "c" / "fits").iterdir()}
    ended = bench_here("curve", *place, *asked, "--lengths", "1,2", "-q", "-o", str(figure))
    assert ended.returncode == 0, ended.stderr
    assert seen == {"q"}, "no photograph of p and none of test"
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "c" / "fits").iterdir()}
    assert trained.items() <= after.items() and len(after) == len(trained) + 2, "two generators more, no other"
    assert figure.stat().st_size > 20_000 and figure.with_suffix(".md").read_text() in ended.stdout
    rows = list(csv.DictReader(figure.with_suffix(".csv").open()))
    keys = {(r["attack"], r["length"], r["steps"]) for r in rows}
    name = "misl-cgan[adversarial_weight=0]"
    assert keys == {
        ("photographs", "", ""), ("perfect forgery", "", ""),
        ("misl-cgan", "1", "4"), ("misl-cgan", "2", "8"), (name, "1", "4"), (name, "2", "8"),
    }  # fmt: skip
    kept = {(r["attack"], r["length"]): int(r["value"]) for r in rows if r["quantity"] == "kept after, steps"}
    assert kept.keys() == {(attack, length) for attack, length, steps in keys if steps}
    assert kept["misl-cgan", "1"] in (2, 4) and kept["misl-cgan", "2"] in (2, 4, 6, 8)
    rows = [r for r in rows if r["quantity"] != "kept after, steps"]
    mine = [r for r in rows if r["attack"] == "misl-cgan" and r["length"] == "2"]
    assert [(r["quantity"], r["of"]) for r in mine][:3] == [
        ("own success", "all"), ("success", "cc"), ("success", "judges")
    ]  # fmt: skip
    assert [r["quantity"] for r in mine][3:] == ["psnr"] * 4 + ["cosine"]
    table = figure.with_suffix(".md").read_text()
    assert "Made by `bench curve" in table and "3 photographs held out of q" in table
    before, _, extrapolated = table.partition("### Extrapolated")
    curves, by_wanted = before.split("### PSNR by wanted model, dB")
    assert len([line for line in curves.splitlines() if line.startswith("|")]) == 2 + 6
    cells = [line.split("|") for line in by_wanted.splitlines() if line.startswith("|")][2:]
    assert len(cells) == 5, "the perfect forgery and four generators"
    each = [float(r["value"]) for r in mine if r["quantity"] == "psnr" and r["of"]]
    found = next(row[4:-1] for row in cells if row[3].strip() == "8")
    shown = [line.split("|") for line in curves.splitlines() if line.startswith("|")][4:]
    assert [int(row[4].replace(",", "")) for row in shown] == list(kept.values())
    assert len(each) == 3 and [float(cell.split()[0]) for cell in found] == pytest.approx(each, abs=0.05)
    assert "at least 3 lengths are needed" in extrapolated and "as paper-short" in extrapolated
    longer = [*place, *asked, "--lengths", "1,2,3", "-q", "-o", str(figure)]
    ended = bench_here("curve", *longer, "--extrapolate", "2,1000")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("a length has no success") == 1, "nobody is fooled after twelve steps"
    assert "| 1,000 steps" in ended.stdout and "2 steps" not in ended.stdout, "shorter lengths need no guess"
    assert "Extrapolated" not in bench_here("curve", *longer, "--extrapolate", "").stdout
    for word, said in (("papre", "unknown profile 'papre'"), ("0", "from 1 to"), ("1e6", "from 1 to"), ("9" * 400, "")):
        wrong = bench_here("curve", *longer, "--extrapolate", word)
        assert wrong.returncode == 2 and said in wrong.stderr and "Traceback" not in wrong.stderr, word


def test_without_a_forger_there_is_no_ceiling_and_a_sentence(
    bench_here: Callable[..., Any], small: str, tmp_path: Path
) -> None:
    place = ["--training", "--profile", small, "--cache", str(tmp_path / "c"), "--workers", "1", "--judges", "hp"]
    by_class = "misl-cgan[psnr=30,pixel_weight_by_class=true]"
    asked = ["--attack", by_class, "--lengths", "1", "--data", "virtual-neutral", "-q", "-o", str(tmp_path / "l.svg")]
    ended = bench_here("curve", *place, *asked)
    assert ended.returncode == 0, ended.stderr
    assert "There is no ceiling and no cosine: only virtual cameras" in ended.stdout
    rows = list(csv.DictReader((tmp_path / "l.csv").open()))
    assert {r["attack"] for r in rows} == {"photographs", "misl-cgan[psnr=30,pixel_weight_by_class=true]"}
    assert "cosine" not in {r["quantity"] for r in rows}
    records = [json.loads(path.read_text()) for path in (tmp_path / "c" / "fits").glob("*/*.json")]
    (facts,) = [r["facts"] for r in records if r["label"] == "generator/misl-cgan"]
    assert len(facts["pixel_weights"]) == len(facts["psnr_by_wanted"]) == 3
    # A picture that cannot be written is told before training; a network that was damaged is trained anew.
    state = next(
        path.with_name("state.safetensors")
        for path in (tmp_path / "c" / "fits").glob("*/record.json")
        if json.loads(path.read_text())["label"] == "generator/misl-cgan"
    )
    state.write_bytes(state.read_bytes()[:-1] + b"?")
    aside = tmp_path / "c" / "broken"
    for name in ("l.xyz", "l.csv/l.png"):
        ended = bench_here("curve", *place, *asked[:-1], str(tmp_path / name))
        assert ended.returncode == 2 and "cannot be written: " in ended.stderr and not aside.exists()
    assert bench_here("curve", *place, *asked).returncode == 0
    assert [path.name.partition("-")[0] for path in aside.iterdir()] == [state.parent.name]
    assert list(csv.DictReader((tmp_path / "l.csv").open())) == rows
