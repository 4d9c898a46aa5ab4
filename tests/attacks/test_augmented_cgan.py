"""The augmented cGAN: its loss beside a plain restatement, its parts, its variants by name, published shapes."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchbench.base.errors import BenchError, UnknownNameError
from benchbench.contracts.attack import ATTACKS, CraftContext
from benchbench.contracts.fit import FitContext, Setup
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import TARGETS
from benchbench.forensics import remosaic
from benchbench.learn.backbones.resnet import ResNetShape
from benchbench.learn.classifier import Behind, Classifier
from benchbench.learn.image_to_image import ImageToImage, PatchCritic
from benchbench.learn.patches import PatchSource
from benchbench_attacks._cgan import Game, GeneratorFit, wrong_labels
from benchbench_attacks._evaluator import make_evaluator
from benchbench_attacks.augmented_cgan import VARIANTS, AugmentedCgan, Mislgan
from benchbench_attacks.misl_cgan import MislCgan

PHOTOS, MOSAICED = np.random.default_rng(0).integers(0, 256, (2, 6, 64, 64, 3), dtype=np.uint8)
LABELS = np.arange(6) % 3
SHAPE = ResNetShape(channels=(8, 8, 8, 8), stem=8)
SMOKE = Setup(profile=load_profile("smoke"), data_id="none", known=3, classes=3)
ATTACK = AugmentedCgan
SETTINGS = [
    ATTACK(),
    ATTACK(wdf=False, pef=False, critic="rgb"),
    ATTACK(img=False, pef=False, scfa=True),
    Mislgan(),
    Mislgan(psnr=30.0),
]


def networks(attack: AugmentedCgan) -> dict[str, Any]:
    """Untrained, by the names of the attack's fits."""
    torch.manual_seed(0)
    made: dict[str, Any] = {}
    for name in attack.fits(SMOKE):
        if name.endswith("residual"):
            made[name] = nn.Conv2d(3, 3, 3, padding=1)
        elif name != "generator":
            made[name] = Classifier("resnet18", {"img": "rgb", "wdf": "ww", "pef": "cc"}[name], 3, SHAPE)
    return {name: network.eval().requires_grad_(False) for name, network in made.items()}


def game_of(attack: AugmentedCgan) -> tuple[GeneratorFit, Game, dict[str, Any]]:
    stacks = [PHOTOS, MOSAICED] if attack.scfa else [PHOTOS]
    source = PatchSource(stacks, LABELS, np.arange(6), 32, torch.device("cpu"))
    fit = attack.fits(SMOKE)["generator"]
    assert isinstance(fit, GeneratorFit)
    found = networks(attack)
    return fit, fit.game(source, make_evaluator(found)), found


@pytest.mark.parametrize("attack", SETTINGS, ids=lambda a: f"{'+'.join(a.evaluator)}{'+scfa' * a.scfa}-{a.critic}")
def test_a_step_is_the_papers_objective(attack: AugmentedCgan) -> None:
    """Equations 2, 3, 4 and 7 and the mismatched pair written out once more, on copies of the networks."""
    attack = replace(attack, adversarial_weight=0.3, classifier_weight=0.7)
    _, game, found = game_of(attack)
    game.step(torch.Generator().manual_seed(1))  # the generator's last layer starts at zero
    g, d, pixel = deepcopy(game.generator), deepcopy(game.critic), float(game.pixel.weight)
    assert (pixel == 1.0) == (attack.psnr is None)
    rng = torch.Generator().manual_seed(2)
    loss = game.step(torch.Generator().manual_seed(2))

    patches, s = game.source.sample(game.recipe.batch, rng)
    x, given = patches[0] * 2 - 1, patches[-1] * 2 - 1
    assert torch.equal(x, given) != attack.scfa
    t, wrong = wrong_labels(s, 3, rng), wrong_labels(s, 3, rng)
    made = g(given, t)
    l_dis = ((d(x, s) - 1) ** 2).mean() + ((d(x, wrong) ** 2).mean() + (d(made.detach(), t) ** 2).mean()) / 2
    for weight, expected in zip(
        game.critic.parameters(), torch.autograd.grad(l_dis / 2, list(d.parameters())), strict=True
    ):
        torch.testing.assert_close(weight.grad, expected, rtol=1e-3, atol=1e-6)

    d.load_state_dict(game.critic.state_dict())
    l_aux = torch.zeros(())
    if attack.img:
        l_aux = l_aux + nn.functional.nll_loss(found["img"].backbone(made).log_softmax(1), t)
    if attack.wdf:
        l_aux = l_aux + nn.functional.nll_loss(found["wdf"].backbone(found["wdf residual"](made)).log_softmax(1), t)
    if attack.pef:
        errors = found["pef"].preprocessor.filter(made)
        l_aux = l_aux + nn.functional.nll_loss(found["pef"].backbone(errors).log_softmax(1), t)
    l_gen = 0.3 * ((d(made, t) - 1) ** 2).mean() + pixel * (x - made).abs().mean() + 0.7 * l_aux
    assert float(loss) == pytest.approx(l_gen.item(), rel=1e-4)
    for weight, expected in zip(
        game.generator.parameters(), torch.autograd.grad(l_gen, list(g.parameters())), strict=True
    ):
        torch.testing.assert_close(weight.grad, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("attack", [SETTINGS[0], SETTINGS[2]], ids=["plain", "scfa"])
def test_trains_and_crafts_from_what_it_was_trained_on(attack: AugmentedCgan, tmp_path: Path) -> None:
    fit, _, found = game_of(attack)
    data = SimpleNamespace(
        photos=lambda role: SimpleNamespace(images=PHOTOS, camera=LABELS),
        labels=lambda role: {"camera": LABELS, "validation": np.arange(6) >= 3},
        known=3,
    )
    files = {"folder": tmp_path, "checkpoint": tmp_path / "checkpoint.pt"}
    needs = found | ({"remosaiced": MOSAICED} if attack.scfa else {})
    context = FitContext(data=data, device=torch.device("cpu"), needs=needs, **files)  # type: ignore[arg-type]
    generator = fit.load(fit.run(context), {}, {})
    assert len(context.facts["evaluator_success"]) == len(attack.evaluator)
    assert set(fit.needs()) == needs.keys()
    craft = CraftContext(device=torch.device("cpu"), known=3, networks=found | {"generator": generator})
    x, wanted = torch.rand(2, 3, 40, 40), torch.tensor([0, 2])
    with torch.inference_mode():
        expected = (generator((remosaic(x) if attack.scfa else x) * 2 - 1, wanted) + 1) / 2
    torch.testing.assert_close(attack.perturb(x, None, wanted, craft), expected)
    logits = [c(x) for c in make_evaluator(found).classifiers.values()]
    torch.testing.assert_close(attack.surrogate(x, craft), torch.stack([s.log_softmax(1) for s in logits]).mean(0))


def test_the_classifier_of_wiener_residuals_learned_true_ones_and_gradients_pass_the_network() -> None:
    fits = ATTACK().fits(SMOKE)
    classifier: Any = fits["wdf"]
    assert (classifier.role, classifier.preprocessor, classifier.name) == ("q", "ww", "evaluator/wdf")
    assert classifier.residuals.role == "q"
    evaluator = make_evaluator(networks(ATTACK()))
    behind = evaluator.classifiers["wdf"]
    assert isinstance(behind, Behind) and [*evaluator.classifiers] == ["img", "wdf", "pef"]
    x = torch.rand(1, 3, 32, 32, requires_grad=True)
    behind(x).sum().backward()
    assert x.grad is not None and float(x.grad.abs().sum()) > 0


def test_eight_variants_by_one_glob() -> None:
    found = ATTACKS.resolve("augmented2020:*")
    assert [("+".join(a.evaluator), a.scfa) for a in found] == [  # type: ignore[attr-defined]
        (v.removesuffix("+scfa"), v.endswith("scfa")) for v in VARIANTS
    ]
    assert found[4] == Mislgan() == ATTACKS.create("mislgan")
    assert found[7] == ATTACK() == ATTACKS.create("augmented-cgan")
    assert found[1] == ATTACKS.create("augmented-cgan[img=false,pef=false]")
    assert len({a.fits(SMOKE)["generator"].fit_id("d") for a in found}) == 8
    # Classifiers are shared: three, and the learned residual.
    others = {f.fit_id("d") for a in found for name, f in a.fits(SMOKE).items() if name != "generator"}
    assert len(others) == 4
    assert not {a.name for a in found} & {a.card.name for a in ATTACKS.resolve("cama,misl-cgan,spoc-cgan")}


def test_a_profiles_changes_reach_variants_by_the_attacks_name() -> None:
    changes = {"augmented-cgan": {"psnr": 35.0}, "mislgan": {"psnr": 34.0}}
    found: Any = ATTACKS.resolve("augmented2020:img,augmented2020:pef+scfa,augmented2020:wdf[psnr=33.0]", changes)
    assert [a.psnr for a in found] == [35.0, 34.0, 33.0]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("augmented2020:imgs", UnknownNameError, "unknown attack 'augmented2020:imgs'. Did you mean 'img'?"),
        ("augmented2020:img[wdf=true]", BenchError, "'augmented2020:img' has no choice of 'wdf'"),
        ("augmented2020:img[gain=1]", UnknownNameError, "has no parameter 'gain'"),
        ("augmented-cgan[img=false,wdf=false,pef=false]", BenchError, "has none of img, wdf and pef"),
        ("augmented-cgan[critic=fd]", BenchError, "parameter 'critic' is 'fd'"),
    ],
)
def test_mistakes_are_sentences(name: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind) as caught:
        ATTACKS.create(name)
    assert words in str(caught.value)


def test_both_baselines_say_how_they_differ() -> None:
    assert "mislgan" in MislCgan.card.note and "misl-cgan" in Mislgan.card.note
    weights = [(a.adversarial_weight, a.pixel_weight, a.classifier_weight) for a in (MislCgan(), Mislgan())]
    assert weights == [(1.0, 10.0, 0.01), (0.01, 1.0, 0.01)]
    paper = load_profile("paper")
    assert (paper.evaluator_recipe("cc").epochs, paper.evaluator_recipe("pef").epochs) == (90, 30)


def test_published_shapes() -> None:
    """The critic by hand (Isola et al.'s of 34 x 34 pixels); generator and residual network as the first paper's."""
    setup = Setup(profile=load_profile("paper"), data_id="none", known=6, classes=12)
    fit = ATTACK().fits(setup)["generator"]
    assert isinstance(fit, GeneratorFit)
    assert (fit.shape.kind, fit.shape.blocks, fit.recipe.epochs, fit.recipe.batch) == ("johnson", 2, 200, 32)
    assert (fit.recipe.learning_rate, fit.recipe.betas[0], fit.psnr) == (2e-4, 0.5, None)
    c = 64
    filters = 3 * 3 * 25
    plain = 3 * c * 16 + c + (c + 6) * 2 * c * 16 + 4 * c + 2 * c * 4 * c * 16 + 8 * c + 4 * c * 16 + 1
    sizes = {
        first: sum(p.numel() for p in PatchCritic(6, c, first).parameters())  # type: ignore[arg-type]
        for first in ("cc", "rgb")
    }
    assert sizes["cc"] - sizes["rgb"] == filters
    assert sizes["rgb"] == plain


def johnson(c: int) -> int:
    """Johnson et al.'s network with two residual blocks and no condition planes, by hand."""
    weights = 3 * c * 49 + c * 2 * c * 9 + 2 * c * 4 * c * 9 + 4 * (4 * c) ** 2 * 9
    weights += 4 * c * 2 * c * 9 + 2 * c * c * 9 + c * 3 * 49 + 3
    return weights + 2 * (c + 2 * c + 4 * c + 4 * 4 * c + 2 * c + c)


def test_a_step_at_published_shapes() -> None:
    """Of the profile `paper`, with a batch of two: the game, and each network that is trained before it or attacked."""
    profile = load_profile("paper")
    profile = profile.model_copy(update={"cgan": profile.cgan.model_copy(update={"batch": 2})})
    setup = Setup(profile=profile, data_id="none", known=3, classes=4)
    fits = ATTACK().fits(setup)
    source = PatchSource([PHOTOS], LABELS, np.arange(6), 64, torch.device("cpu"))
    found: dict[str, Any] = {}
    for name, fit in fits.items():
        if name == "wdf residual":
            found[name] = ImageToImage(fit.shape, planes=0, bounded=False)  # type: ignore[attr-defined]
            assert sum(p.numel() for p in found[name].parameters()) == johnson(64)
        elif name != "generator":
            found[name] = fit.build()  # type: ignore[attr-defined]
    for network in found.values():
        network.eval().requires_grad_(False)
    generator = fits["generator"]
    assert isinstance(generator, GeneratorFit)
    game = generator.game(source, make_evaluator(found))
    assert torch.isfinite(game.step(torch.Generator().manual_seed(0)))
    for target in TARGETS.resolve("augmented2020:resnet12/*,augmented2020:resnet34/img,augmented2020:densenet40/pef"):
        network = target.fits(setup)["classifier"].build().train()  # type: ignore[attr-defined]
        x = torch.rand(2, 3, 64, 64)
        loss = nn.functional.cross_entropy(network.backbone(x * 2 - 1), torch.tensor([0, 2]))
        loss.backward()
        assert torch.isfinite(loss)
