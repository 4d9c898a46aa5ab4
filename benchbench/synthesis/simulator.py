"""The GAN simulator: a generator that paints a picture again through a bottleneck, and leaves what its kind leaves.

Six kinds differ in how they up-sample, which is what marks their spectra. Each is trained against a critic, because
reconstruction alone leaves weak peaks. Source: Zhang, Karaman & Chang 2019, section 3.2, and the settings of their
AutoGAN: CycleGAN's generator and 70 x 70 PatchGAN, least squares + 0.5 L1, Adam 2e-4. Pictures are in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.contracts.profile import Precision
from benchbench.contracts.section import Section
from benchbench.learn.loop import Schedule

Kind = Literal["transposed", "nearest", "bilinear", "pixel-shuffle", "two-stage", "anti-aliased"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Norm = Callable[[int], nn.Module]
MULTIPLE = 4
"""Sides are multiples of it: the bottleneck has a quarter of them."""


class SimulatorRecipe(Section):
    """Widths and training of a simulator and its critic; the defaults are AutoGAN's."""

    channels: int = 64
    blocks: int = 9
    """Residual blocks of the bottleneck."""
    instance_norm: bool = True
    """In the generator. It forgets how bright a picture was; a narrow network that is trained for a short time then
    leaves peaks ten times as loud as a photograph's finest scale, as an L1 that is wrong in level sees no peaks."""
    critic_channels: int = 64
    learning_rate: float = 2e-4
    schedule: Schedule = "constant"
    betas: tuple[float, float] = (0.5, 0.999)
    pixel_weight: float = 0.5
    batch: int = 16
    patch: int = 256
    steps: int = 20_000
    renderings: int = 1000
    """Pictures that it is trained on."""
    precision: Precision = "float32"


class _Blurred(nn.Module):
    """A binomial filter, [1 3 3 1] / 8 a side, twice over each channel: what an anti-aliased up-sampling ends in."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        kernel = (line[:, None] * line[None, :]).repeat(channels, 1, 1, 1)
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        # Once before and once after, so that the picture stays in its place.
        for pad in ((1, 2, 1, 2), (2, 1, 2, 1)):
            x = F.conv2d(F.pad(x, pad, mode="replicate"), self.kernel.to(x.dtype), groups=x.shape[1])
        return x


def up_sampling(kind: Kind, before: int, after: int) -> nn.Module:
    """Return layers that double the sides: (N, before, H, W) -> (N, after, 2 H, 2 W)."""
    same: dict[str, Any] = {"padding": 1, "padding_mode": "reflect"}
    if kind == "transposed":
        return nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1)
    if kind == "pixel-shuffle":
        return nn.Sequential(nn.Conv2d(before, 4 * after, 3, **same), nn.PixelShuffle(2))
    if kind == "anti-aliased":
        spread = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)
        return nn.Sequential(spread, _Blurred(after))
    mode: dict[str, Any] = {"mode": "bilinear", "align_corners": False} if kind == "bilinear" else {"mode": "nearest"}
    return nn.Sequential(nn.Upsample(scale_factor=2, **mode), nn.Conv2d(before, after, 3, **same))


class _Residual(nn.Module):
    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        same: dict[str, Any] = {"padding": 1, "padding_mode": "reflect"}
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, **same),
            norm(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, **same),
            norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + cast(Tensor, self.body(x))


class Simulator(nn.Module):
    """CycleGAN's generator with an exchangeable up-sampling: (N, 3, H, W) -> (N, 3, H, W), sides multiples of 4."""

    def __init__(self, kind: Kind, channels: int, blocks: int, instance_norm: bool = True) -> None:
        super().__init__()
        c, norm = channels, cast(Norm, nn.InstanceNorm2d if instance_norm else nn.Identity)
        self.two_stage = kind == "two-stage"
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, c, 7), norm(c), nn.ReLU(True)]
        for width in (c, 2 * c):
            layers += [nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), norm(2 * width), nn.ReLU(True)]
        layers += [_Residual(4 * c, norm) for _ in range(blocks)]
        inner: Kind = "nearest" if self.two_stage else kind
        layers += [up_sampling(inner, 4 * c, 2 * c), norm(2 * c), nn.ReLU(True)]
        if not self.two_stage:
            layers += [up_sampling(kind, 2 * c, c), norm(c), nn.ReLU(True)]
        self.body = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(c if not self.two_stage else 2 * c, 3, 7))
        # The second stage enlarges the picture that the first has made.
        self.enlarge = nn.Sequential(
            nn.ConvTranspose2d(3, c, 4, stride=2, padding=1), nn.ReLU(True), nn.Conv2d(c, 3, 3, padding=1)
        )
        if not self.two_stage:
            self.enlarge = nn.Sequential()

    def forward(self, x: Tensor) -> Tensor:
        """Paint pictures again."""
        made = torch.tanh(cast(Tensor, self.body(x)).float())
        if self.two_stage:
            twice = F.interpolate(made, scale_factor=2, mode="nearest")
            made = (twice + cast(Tensor, self.enlarge(made)).float()).clamp(-1, 1)
        return made


def patch_gan(channels: int) -> nn.Sequential:
    """Return the 70 x 70 PatchGAN of Isola et al. 2017: (N, 3, H, W) to a map of scores."""
    c = channels
    layers: list[nn.Module] = [nn.Conv2d(3, c, 4, stride=2, padding=1), nn.LeakyReLU(0.2, True)]
    for before, after, stride in ((c, 2 * c, 2), (2 * c, 4 * c, 2), (4 * c, 8 * c, 1)):
        layers += [
            nn.Conv2d(before, after, 4, stride=stride, padding=1),
            nn.InstanceNorm2d(after),
            nn.LeakyReLU(0.2, True),
        ]
    return nn.Sequential(*layers, nn.Conv2d(8 * c, 1, 4, padding=1))


def generator_loss(critic: Callable[[Tensor], Tensor], x: Tensor, made: Tensor, pixel_weight: float) -> Tensor:
    """Return mean (D(made) - 1)^2 + pixel_weight * mean |made - x|."""
    scores = critic(made).float()
    return F.mse_loss(scores, torch.ones_like(scores)) + pixel_weight * F.l1_loss(made, x)


def critic_loss(critic: Callable[[Tensor], Tensor], x: Tensor, made: Tensor) -> Tensor:
    """Return half of mean (D(x) - 1)^2 + mean D(made)^2."""
    real, fake = critic(x).float(), critic(made).float()
    loss: Tensor = 0.5 * ((real - 1).square().mean() + fake.square().mean())
    return loss
