"""The shared conditional GAN: labels, planes, receptive field, the step of both players, the dual stream."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor, nn

from benchbench.contracts.fit import FitContext, Setup
from benchbench.contracts.profile import GeneratorShape, load_profile
from benchbench.forensics import ConstrainedConv, FiniteDifferences, remosaic
from benchbench.learn.backbones.resnet import ResNetShape
from benchbench.learn.classifier import Classifier
from benchbench.learn.image_to_image import ChromaBlur, ImageToImage, PatchCritic
from benchbench.learn.patches import PatchSource
from benchbench_attacks._cgan import Cgan, Game, GeneratorFit, critic_groups, wrong_labels
from benchbench_attacks._evaluator import DualStream, SingleStream
from benchbench_attacks.cama import Cama
from benchbench_attacks.misl_cgan import MislCgan
from benchbench_attacks.spoc_cgan import SpocCgan

SHAPES = [
    GeneratorShape(channels=4),
    GeneratorShape(kind="full-resolution", channels=4, blocks=2, skip=True),
    GeneratorShape(kind="full-resolution", channels=4, blocks=2, space_to_depth=2),
]


def test_wrong_labels_are_wrong_and_uniform():
    labels = torch.arange(6).repeat(2000)
    wrong = wrong_labels(labels, 6, torch.Generator().manual_seed(0))
    assert (wrong != labels).all()
    shares = torch.bincount((wrong - labels) % 6, minlength=6) / len(labels)
    torch.testing.assert_close(shares[1:], torch.full((5,), 0.2), atol=0.015, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(32, 32), (45, 38)])
def test_generators_keep_any_size_and_range_and_obey_the_target(shape, size):
    torch.manual_seed(0)
    network = ImageToImage(shape, planes=6, bounded=True).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    x = torch.rand(2, 3, *size) * 2 - 1
    with torch.inference_mode():
        changed = network(x, torch.tensor([0, 1]))
        other = network(x, torch.tensor([3, 1]))
    assert changed.shape == x.shape
    assert changed.abs().max() <= 1
    assert not torch.equal(changed[0], other[0])
    torch.testing.assert_close(changed[1], other[1])


def test_a_skip_connection_starts_as_the_identity():
    network = ImageToImage(GeneratorShape(kind="full-resolution", channels=4, skip=True), 6, bounded=True).eval()
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    torch.testing.assert_close(network(x, torch.tensor([0, 1])), x)


def test_published_generator_size():
    # Counted by hand from Johnson et al. with six condition planes, two residual blocks, biases on the last layer only.
    c = 64
    weights = 9 * c * 49 + c * 2 * c * 9 + 2 * c * 4 * c * 9 + 4 * (4 * c) ** 2 * 9
    weights += 4 * c * 2 * c * 9 + 2 * c * c * 9 + c * 3 * 49 + 3
    norms = 2 * (c + 2 * c + 4 * c + 4 * 4 * c + 2 * c + c)
    network = ImageToImage(GeneratorShape(), planes=6, bounded=True)
    assert sum(p.numel() for p in network.parameters()) == weights + norms


def test_critic_sees_34_pixels():
    torch.manual_seed(0)
    critic = PatchCritic(6, 4, "cc").eval()
    critic.constrained = None  # the field of the published PatchGAN, without the 5x5 filter before it
    x = torch.rand(1, 3, 96, 96, requires_grad=True)
    scores = critic(x, torch.tensor([0]))
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    touched = x.grad.abs().sum((0, 1)) > 0
    rows = touched.any(1).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 34


def test_dual_stream_is_the_mean_log_probability_of_both_bands():
    torch.manual_seed(0)
    shape = ResNetShape(channels=(4, 4, 8, 8), stem=4)
    residual = ImageToImage(SHAPES[1].model_copy(update={"skip": False}), planes=0, bounded=False).eval()
    high, low = (Classifier("resnet18", "rgb", 6, shape).eval() for _ in range(2))
    evaluator = DualStream(residual, high, low).eval()
    x = torch.rand(2, 3, 32, 32)
    scaled = x * 2 - 1
    band = residual(scaled)
    expected = (high.backbone(band).softmax(1).log() + low.backbone(scaled - band).softmax(1).log()) / 2
    torch.testing.assert_close(evaluator(x), expected)


def evaluator_of(attack: Cgan) -> DualStream | SingleStream:
    shape = ResNetShape(channels=(8, 8, 8, 8), stem=8)
    if attack.evaluator == "dual":
        residual = ImageToImage(SHAPES[1].model_copy(update={"skip": False}), planes=0, bounded=False)
        made = DualStream(residual, *(Classifier("resnet18", "rgb", 3, shape) for _ in range(2)))
    else:
        made = SingleStream(Classifier("resnet18", attack.evaluator, 3, shape))
    return made.eval().requires_grad_(False)


PHOTOS, MOSAICED = np.random.default_rng(0).integers(0, 256, (2, 6, 64, 64, 3), dtype=np.uint8)
LABELS = np.arange(6) % 3


def game_of(attack: Cgan, shape: GeneratorShape | None = None) -> tuple[GeneratorFit, Game, DualStream | SingleStream]:
    """A game of three classes on photographs of noise, its networks untrained."""
    torch.manual_seed(0)
    source = PatchSource([PHOTOS, MOSAICED], LABELS, np.arange(6), 32, torch.device("cpu"))
    fit = attack.fits(Setup(profile=load_profile("smoke"), data_id="none", known=3, classes=3))["generator"]
    assert isinstance(fit, GeneratorFit)
    fit = replace(fit, shape=shape or fit.shape)
    evaluator = evaluator_of(attack)
    return fit, fit.game(source, evaluator), evaluator


def gradients(loss: Tensor, network: torch.nn.Module) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(network.parameters())))


@pytest.mark.parametrize("cgan", [Cama, MislCgan, SpocCgan], ids=lambda a: a.card.name)
def test_a_step_is_that_of_the_papers_equations(cgan: type[Cgan]):
    """Equations 1 to 5 written out once more, on copies; and each player learns from its own loss alone."""
    attack = cgan(classifier_weight=0.7, psnr=20.0)
    _, game, evaluator = game_of(attack)
    game.step(torch.Generator().manual_seed(1))  # the second step finds gradients and an adapted weight
    g, d = deepcopy(game.generator), deepcopy(game.critic)
    pixel_weight, psnr = float(game.pixel.weight), float(game.pixel.psnr)
    assert pixel_weight != attack.pixel_weight
    rng = torch.Generator().manual_seed(2)
    loss = game.step(torch.Generator().manual_seed(2))

    (x, mosaiced), y = game.source.sample(game.recipe.batch, rng)
    x, mosaiced = x * 2 - 1, mosaiced * 2 - 1
    wanted, wrong = wrong_labels(y, 3, rng), wrong_labels(y, 3, rng)
    assert (wanted != wrong).any()
    changed = g(mosaiced, wanted)
    fixed = changed.detach()
    l_dis = ((d(x, y) - 1) ** 2).mean() + ((d(x, wrong) ** 2).mean() + (d(fixed, wanted) ** 2).mean()) / 2
    for found, expected in zip(game.critic.parameters(), gradients(l_dis / 2, d), strict=True):
        torch.testing.assert_close(found.grad, expected, rtol=1e-3, atol=1e-6)

    d.load_state_dict(game.critic.state_dict())  # after its step; batch norm uses the batch's own statistics
    l_adv = ((d(changed, wanted) - 1) ** 2).mean()
    l_pix = (x - changed).abs().mean()
    chances = [s.softmax(1)[torch.arange(len(y)), wanted] for s in evaluator.streams(changed / 2 + 0.5)]
    l_clf = -torch.stack(chances).prod(0).log().mean()  # Cama's weight is that of a stream: lambda / 2
    l_gen = attack.adversarial_weight * l_adv + pixel_weight * l_pix + attack.classifier_weight * l_clf
    assert float(loss) == pytest.approx(l_gen.item(), rel=1e-4)
    for found, expected in zip(game.generator.parameters(), gradients(l_gen, g), strict=True):
        torch.testing.assert_close(found.grad, expected, rtol=1e-3, atol=1e-5)
    ratios = -10 * ((x - fixed) / 2).square().mean((1, 2, 3)).log10()
    assert float(game.pixel.psnr) == pytest.approx(psnr + 0.05 * (float(ratios.mean()) - psnr), rel=1e-5)


def plain(layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    """Layers one after the other, every convolution the ordinary one."""
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            x = nn.Conv2d._conv_forward(layer, x, layer.weight, layer.bias)
        else:
            x = x + plain(layer.body, x) if hasattr(layer, "body") else layer(x)
    return x


def beside_planes(x: Tensor, label: Tensor) -> Tensor:
    """Pictures, and behind their channels one plane a class: ones for that of the label."""
    hot = nn.functional.one_hot(label, 3).to(x)
    return torch.cat([x, hot[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)


class PlainGame:
    """A game on copies of the networks, by the plainest means: planes are made, three calls of D look at pictures."""

    def __init__(self, game: Game, evaluator: DualStream | SingleStream, attack: Cgan) -> None:
        self.g, self.d, self.pixel = (deepcopy(m) for m in (game.generator, game.critic, game.pixel))
        self.source, self.recipe, self.evaluator, self.attack = game.source, game.recipe, evaluator, attack
        rate = self.recipe.discriminator_learning_rate
        self.of_g = torch.optim.Adam(self.g.parameters(), self.recipe.learning_rate, self.recipe.betas, foreach=False)
        self.of_d = torch.optim.Adam(critic_groups(self.d, rate), rate, self.recipe.betas, foreach=False)

    def generate(self, x: Tensor, label: Tensor) -> Tensor:
        made = self.g.chroma(plain(self.g.body, beside_planes(x, label)) + (x if self.g.skip else 0))
        return made.clamp(-1, 1) if self.g.skip else made.tanh()

    def score(self, x: Tensor, label: Tensor) -> Tensor:
        d = self.d
        seen = d.constrained(x) if d.constrained is not None else d.differences(x)
        x = seen * d.gain if d.constrained is not None else torch.cat([x, seen * d.gain], dim=1)
        return plain(d.body, beside_planes(plain(d.stem, x), label))

    def step(self, rng: torch.Generator) -> Tensor:
        (x, mosaiced), y = self.source.sample(self.recipe.batch, rng)
        x, mosaiced = x * 2 - 1, mosaiced * 2 - 1
        wanted, wrong = wrong_labels(y, 3, rng), wrong_labels(y, 3, rng)
        changed = self.generate(mosaiced, wanted)
        fixed = changed.detach()
        real, mislabeled, fake = self.score(x, y), self.score(x, wrong), self.score(fixed, wanted)
        loss = ((real - 1).square().mean() + (mislabeled.square().mean() + fake.square().mean()) / 2) / 2
        self.of_d.zero_grad()
        loss.backward()
        self.of_d.step()
        if self.d.constrained is not None:
            self.d.constrained.project_()
        a = self.attack
        loss = self.pixel.weight * (x - changed).abs().mean()
        loss = loss + a.adversarial_weight * (self.score(changed, wanted) - 1).square().mean()
        for logits in self.evaluator.streams(changed / 2 + 0.5):
            loss = loss + a.classifier_weight * nn.functional.cross_entropy(logits, wanted)
        self.of_g.zero_grad()
        loss.backward()
        self.of_g.step()
        self.pixel.adapt(x, fixed)
        return loss.detach()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cgan", [Cama, SpocCgan], ids=lambda a: a.card.name)
def test_steps_are_those_of_the_plainest_game(
    monkeypatch: pytest.MonkeyPatch, cgan: type[Cgan], shape: GeneratorShape
) -> None:
    """In float64 losses and weights agree to 1e-10, so that what is faster is no other training."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # steps raise bfloat16; here there is none
    torch.set_default_dtype(torch.float64)
    try:
        attack = cgan(classifier_weight=0.7, psnr=20.0)
        _, game, evaluator = game_of(attack, shape)
        other = PlainGame(game, evaluator, attack)
        ours, theirs = (torch.Generator().manual_seed(7) for _ in range(2))
        for _ in range(4):
            found, expected = game.step(ours), other.step(theirs)
            assert found.dtype == torch.float64 and abs(float(found - expected)) < 1e-10
        for mine, plainest in ((game.generator, other.g), (game.critic, other.d), (game.pixel, other.pixel)):
            expected_state = plainest.state_dict()
            for name, value in mine.state_dict().items():
                torch.testing.assert_close(value, expected_state[name], atol=1e-10, rtol=0, msg=name)
    finally:
        torch.set_default_dtype(torch.float32)


def test_both_players_move_and_the_critics_filters_stay_constrained():
    _, game, _ = game_of(Cama())
    before = [deepcopy(player.state_dict()) for player in (game.generator, game.critic)]
    for seed in range(2):  # the generator's last layer starts at zero: in the first step it learns alone
        game.step(torch.Generator().manual_seed(seed))
    for player, old in zip((game.generator, game.critic), before, strict=True):
        assert all(not torch.equal(value, old[name]) for name, value in player.named_parameters())
    filters = game.critic.constrained.weight
    torch.testing.assert_close(filters.sum((2, 3)), torch.zeros(3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(filters[..., 2, 2], -torch.ones(3, 3))


def test_without_a_weight_for_it_there_is_no_critic():
    _, game, _ = game_of(MislCgan(adversarial_weight=0.0))
    before = deepcopy(game.critic.state_dict())
    game.step(torch.Generator().manual_seed(1))
    assert all(torch.equal(value, before[name]) for name, value in game.critic.state_dict().items())
    assert len(game.terms) == 2 and game.adversarial is None


@pytest.mark.parametrize(("goal", "penalty"), [(5.0, 0), (60.0, 1)])
def test_held_out_photographs_correct_the_goal_and_disqualify_an_epoch_far_below_it(goal: float, penalty: int):
    fit, game, evaluator = game_of(SpocCgan(psnr=goal))
    data = SimpleNamespace(photos=lambda role: SimpleNamespace(images=PHOTOS, camera=LABELS))
    context = FitContext(data=data, device=torch.device("cpu"), needs={}, folder=Path(), checkpoint=Path())
    game.generator.eval()
    score = fit.score(game, evaluator, np.arange(6), context)
    facts = context.facts
    assert score == (pytest.approx(np.mean(facts["evaluator_success"]) - penalty),)
    assert float(game.pixel.offset) == pytest.approx(facts["psnr_held_out"] - goal, rel=1e-5)


@pytest.mark.parametrize("goal", [None, 60.0])
def test_the_record_is_of_the_network_that_is_kept_and_a_missed_goal_is_said(
    goal: float | None, caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    fit, _, evaluator = game_of(MislCgan(psnr=goal))
    data = SimpleNamespace(
        photos=lambda role: SimpleNamespace(images=PHOTOS, camera=LABELS),
        labels=lambda role: {"camera": LABELS, "validation": np.arange(6) >= 3},
        known=3,
    )
    needs = {"classifier": evaluator.classifier, "remosaiced": MOSAICED}
    files = {"folder": tmp_path, "checkpoint": tmp_path / "checkpoint.pt"}
    context = FitContext(data=data, device=torch.device("cpu"), needs=needs, **files)
    generator = fit.load(fit.run(context), {}, {})
    ratios = []
    for photo, label in zip(PHOTOS[3:], LABELS[3:], strict=True):
        x = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255
        for wanted in {0, 1, 2} - {int(label)}:
            made = generator(remosaic(x) * 2 - 1, torch.tensor([wanted])) / 2 + 0.5
            ratios.append(peak_signal_noise_ratio(photo, (made[0] * 255).round().byte().permute(1, 2, 0).numpy()))
    assert context.facts["psnr_held_out"] == pytest.approx(np.mean(ratios), abs=1e-3)
    said = [f"'generator/misl-cgan' misses its PSNR goal: held-out photographs have {np.mean(ratios):.1f} dB"]
    assert [r.getMessage().split(" where")[0] for r in caplog.records] == (said if goal else [])


def test_psnr_by_wanted_model_is_of_the_photographs_of_which_that_model_was_wanted():
    """Of a generator that adds 4, 8 or 16 gray levels to every value, by the wanted class."""
    levels = (4, 8, 16)

    def generator(x: Tensor, wanted: Tensor) -> Tensor:
        return x + 2 / 255 * torch.tensor(levels)[wanted][:, None, None, None]

    fit, _, evaluator = game_of(MislCgan())
    photos = SimpleNamespace(images=PHOTOS // 2 + 30, camera=LABELS)
    context = FitContext(SimpleNamespace(photos=lambda role: photos), torch.device("cpu"), {}, Path(), Path())
    fit = replace(fit, remosaiced=None, recipe=fit.recipe.model_copy(update={"validation_images": 6}))
    psnr = fit.measure(generator, evaluator, np.arange(6), context)
    by_class = [20 * np.log10(255 / level) for level in levels]
    assert context.facts["psnr_by_wanted"] == pytest.approx(by_class, abs=1e-3)
    trials = [by_class[c] for label in LABELS for c in range(3) if c != label]
    assert psnr == context.facts["psnr_held_out"] == pytest.approx(np.mean(trials), abs=1e-3)
    fit.measure(generator, evaluator, np.flatnonzero(LABELS == 1), context)
    mean = (by_class[0] + by_class[2]) / 2
    assert context.facts["psnr_by_wanted"] == pytest.approx([by_class[0], mean, by_class[2]], abs=1e-3), (
        "one that is wanted of none has the mean"
    )


def test_published_settings():
    attacks = (Cama(), MislCgan(), SpocCgan())
    settings = {a.name: (a.adversarial_weight, a.pixel_weight, a.classifier_weight) for a in attacks}
    assert settings == {"cama": (1.0, 10.0, 0.005), "misl-cgan": (1.0, 10.0, 0.01), "spoc-cgan": (0.3, 10.0, 0.01)}


def test_chroma_blur_is_a_gaussian_on_cb_and_cr_alone():
    torch.manual_seed(0)
    x, sigma = torch.rand(2, 3, 21, 30), 0.6
    to_ycc = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    before, after = (np.einsum("kc,nchw->nkhw", to_ycc, t.double().numpy()) for t in (x, ChromaBlur(sigma)(x)))
    assert np.allclose(after[:, 0], before[:, 0], atol=1e-5)
    expected = gaussian_filter(before[:, 1:], (0, 0, sigma, sigma), mode="mirror", truncate=2 / sigma)
    assert np.allclose(after[:, 1:], expected, atol=1e-5)


@pytest.mark.parametrize("first", ["cc", "rgb+fd"])
def test_gain_multiplies_the_critics_residuals(first):
    torch.manual_seed(0)
    plain, loud = PatchCritic(3, 4, first), PatchCritic(3, 4, first, gain=5.0)
    loud.load_state_dict(plain.state_dict())
    # A gain of 5 on the residuals is a stem whose weights for them are five times as large.
    residuals = slice(0, 3) if first == "cc" else slice(3, 9)
    with torch.no_grad():
        plain.stem[0].weight[:, residuals] *= 5
    x, label = torch.rand(4, 3, 40, 40), torch.tensor([0, 1, 2, 0])
    assert torch.allclose(plain(x, label), loud(x, label), atol=1e-4)
    assert isinstance(plain.constrained, ConstrainedConv) is (first == "cc")
    assert isinstance(plain.differences, FiniteDifferences) is (first == "rgb+fd")


def test_constrained_filters_of_the_critic_learn_at_a_tenth_of_the_rate():
    critic = PatchCritic(3, 4, "cc")
    groups = critic_groups(critic, 1e-3)
    assert [p is critic.constrained.weight for p in groups[1]["params"]] == [True] and groups[1]["lr"] == 1e-4
    assert sum(len(g["params"]) for g in groups) == len(list(critic.parameters()))
