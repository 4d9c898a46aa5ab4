"""One step of training, ours and the plainest one of the same loss, taken in turn on one thread of profile quick.

The plainest: condition planes are made and convolved, the critic looks at photographs once for each label, borders and
energies are as torch makes them under autocast, patches are cut by indexing tensors, optimizers go from weight to
weight. Both keep freed memory, which is of the process.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.base.memory import keep_freed
from benchbench.contracts.fit import Setup
from benchbench.contracts.profile import load_profile
from benchbench.learn.convolutions import PaddedConv2d, PlanesConv2d, ScoreConv2d
from benchbench.learn.image_to_image import ImageToImage, PatchCritic, _mean, _WienerLike
from benchbench.learn.losses import Classification
from benchbench.learn.patches import PatchSource, dih4
from benchbench.learn.precision import autocast, precision_used
from benchbench.learn.residual import ResidualNetworkFit
from benchbench.learn.training import ClassifierFit
from benchbench_attacks._cgan import Game, GeneratorFit, critic_groups
from benchbench_attacks._evaluator import make_evaluator
from benchbench_attacks.cama import Cama

from .clock import paired_seconds, say
from .photographs import state_of, targets
from .report import Options, Report, Row

KNOWN = 6

Pair = tuple[float, Callable[[], object], Callable[[], object]]
"""The peer / ours that is wanted, our step and the peer's."""


class MadePlanes(PlanesConv2d):
    """Makes the planes, and convolves them with the picture."""

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """See `PlanesConv2d`."""
        if label is not None:
            repeat = (self.in_channels - self.channels) // self.classes
            hot = F.one_hot(label, self.classes).to(x.dtype).repeat_interleave(repeat, 1)
            x = torch.cat([x, hot[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)
        return nn.Conv2d._conv_forward(self, x, self.weight, self.bias)


class SeveralLooks(PatchCritic):
    """Looks at pictures anew for each label."""

    def look(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Put it off."""
        return x

    def judge(self, seen: Tensor, label: Tensor) -> Tensor:  # type: ignore[override]
        """Look and judge; the critic of Cama."""
        assert self.constrained is not None
        features = self.stem(self.constrained(seen) * self.gain)
        scores: Tensor = self.body[1:](MadePlanes.forward(self.body[0], features, label))  # type: ignore[arg-type]
        return scores


class TorchsEnergies(_WienerLike):
    """Averages energies in the numbers that they come in."""

    def variance(self, answers: Tensor) -> Tensor:
        """See `_WienerLike`."""
        means = [_mean(answers * answers, side) for side in self.AROUND]
        return F.softplus(self.energy(torch.cat(means, 1)))


class Indexing(PatchSource):
    """Cuts and turns a batch at once, by indexing."""

    def sample(self, batch: int, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """See `PatchSource`."""
        which = torch.randint(len(self.classes), (batch,), generator=generator)
        row, column = (torch.randint(n, (batch,), generator=generator) for n in self.cells)
        element = torch.randint(8, (batch,), generator=generator)
        stacks = (torch.from_numpy(stack) for stack in self.stacks)
        grids = [s.unfold(1, self.patch, self.patch).unfold(2, self.patch, self.patch) for s in stacks]
        photo = self.table[which, 0]
        return [dih4(grid[photo, row, column], element).float() / 255 for grid in grids], which


def make_plain(*networks: nn.Module) -> None:
    """Have networks compute by the plainest means, in place."""
    for module in (module for network in networks for module in network.modules()):
        if isinstance(module, PatchCritic):
            module.__class__ = SeveralLooks
        elif isinstance(module, PlanesConv2d):
            module.__class__ = MadePlanes
        elif isinstance(module, PaddedConv2d | ScoreConv2d):
            module.__class__ = nn.Conv2d
        elif isinstance(module, _WienerLike):
            module.__class__ = TorchsEnergies
        elif isinstance(module, nn.ReLU | nn.LeakyReLU):
            module.inplace = False


def plain_game(game: Game, source: PatchSource) -> Game:
    """Return the same game on copies of its networks, by the plainest means."""
    # Copied together: a critic is one of the players and stands behind a term.
    parts = {name: getattr(game, name) for name in ("generator", "critic", "pixel", "adversarial", "terms")}
    parts = deepcopy(parts)
    generator, critic = parts["generator"], parts["critic"]
    make_plain(generator, critic, *(t.streams.__self__ for t in parts["terms"] if isinstance(t, Classification)))
    recipe = game.recipe
    rate = recipe.discriminator_learning_rate
    return replace(
        game,
        source=source,
        optimizers={
            "generator": torch.optim.Adam(generator.parameters(), recipe.learning_rate, recipe.betas, foreach=False),
            "critic": torch.optim.Adam(critic_groups(critic, rate), rate, recipe.betas, foreach=False),
        },
        **parts,
    )


@dataclass
class TargetStep:
    """A step of a target as `ClassifierFit.run` does it, with either source of patches and either optimizer."""

    fit: ClassifierFit
    source: PatchSource
    fused: bool

    def __post_init__(self) -> None:
        self.network = self.fit.build().to(memory_format=torch.channels_last).train()
        options = {"momentum": 0.9, "nesterov": True, "fused": self.fused, "foreach": False}
        self.optimizer = torch.optim.SGD(self.network.parameters(), 0.01, **options)  # type: ignore[arg-type]
        self.rng = torch.Generator().manual_seed(0)

    def __call__(self) -> None:
        """Update the weights."""
        stacks, labels = self.source.sample(self.fit.recipe.batch, self.rng)
        with autocast(self.source.device, self.fit.recipe.precision):
            features = self.fit.inputs(self.network, stacks).contiguous(memory_format=torch.channels_last)
            logits = self.network.classify(features)
        loss = F.cross_entropy(logits.float(), labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()


@dataclass
class ResidualStep:
    """A step of E0 on random residuals, as `ResidualNetworkFit.run` does it but for where patches come from."""

    fit: ResidualNetworkFit
    network: ImageToImage
    fused: bool

    def __post_init__(self) -> None:
        self.network = self.network.to(memory_format=torch.channels_last).train()
        self.optimizer = torch.optim.Adam(self.network.parameters(), fused=self.fused, foreach=False)
        rng = torch.Generator().manual_seed(0)
        size = (self.fit.recipe.batch, 3, self.fit.patch, self.fit.patch)
        x, self.residuals = (torch.rand(size, generator=rng) * 2 - 1 for _ in range(2))
        self.x = x.contiguous(memory_format=torch.channels_last)

    def __call__(self) -> None:
        """Update the weights."""
        with autocast(torch.device("cpu"), self.fit.recipe.precision):
            predicted = self.network(self.x)
        loss = F.mse_loss(predicted.float(), self.residuals)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()


def steps(quick: bool) -> dict[str, Pair]:
    """Return the wanted ratio, our step and the plain one by name."""
    profile = load_profile("smoke" if quick else "quick")
    setup = Setup(profile=profile, data_id="random", known=KNOWN, classes=KNOWN)
    size = profile.data["size"]
    photographs = np.random.default_rng(0).integers(0, 256, (2, 10 * KNOWN, size, size, 3), dtype=np.uint8)
    labels = np.arange(10 * KNOWN) % KNOWN

    def sources(count: int) -> tuple[PatchSource, PatchSource]:
        given = (list(photographs[:count]), labels, np.arange(len(labels)), profile.patch, torch.device("cpu"))
        return PatchSource(*given), Indexing(*given)

    ours, plain = sources(2)
    fits = dict(Cama(classifier_weight=0.1, psnr=35.0).fits(setup))
    fit = fits.pop("generator")
    assert isinstance(fit, GeneratorFit)
    game = fit.game(ours, make_evaluator({name: f.load(dict(state_of(f)), {}, {}) for name, f in fits.items()}))
    players = [game, plain_game(game, plain)]
    rngs = [torch.Generator().manual_seed(0) for _ in players]
    mine, peer = (partial(game.step, rng) for game, rng in zip(players, rngs, strict=True))
    fast = precision_used("mixed", torch.device("cpu")) == "bfloat16"
    found: dict[str, Pair] = {"a step of Cama's generator and critic": (1.3 if fast else 1.15, mine, peer)}
    residual = fits["residual"]
    assert isinstance(residual, ResidualNetworkFit)
    networks = [ImageToImage(residual.shape, planes=0, bounded=False) for _ in range(2)]
    make_plain(networks[1])
    first, second = (ResidualStep(residual, n, fused) for n, fused in zip(networks, (True, False), strict=True))
    found["a step of Cama's residual network"] = (1.15, first, second)
    for target in targets("resnet18/rgb/complete" if quick else "resnet18/rgb/complete,vgg16/rgb/complete"):
        classifier = target.fits(setup)["classifier"]
        assert isinstance(classifier, ClassifierFit)
        one, other = sources(1)
        found[f"a step of {target.name}"] = (
            1.1,
            TargetStep(classifier, one, True),
            TargetStep(classifier, other, False),
        )
    return found


def measure(options: Options) -> Report:
    """Time the steps in turn."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    keep_freed()
    report = Report("steps")
    for name, (wanted, ours, plain) in steps(options.quick).items():
        say(name)
        mine, peer = paired_seconds(ours, plain, 2 if options.quick else 31)
        report.rows.append(Row(work=name, ours=mine, peer=peer, wanted=wanted))
    torch.set_num_threads(threads)
    report.notes.append(
        "The peer is the plainest step of the same loss, to which tests hold ours to 1e-10 in float64. Medians."
    )
    return report
