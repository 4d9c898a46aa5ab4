"""Image-to-image networks: the generators of the cGAN attacks, the residual network E0, and the PatchGAN critic.

Tensors are float NCHW in [-1, 1]. All are fully convolutional.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from benchbench.base.errors import BenchError
from benchbench.contracts.profile import GeneratorShape
from benchbench.forensics import ConstrainedConv, FiniteDifferences
from benchbench.learn.convolutions import PaddedConv2d, PlanesConv2d, ScoreConv2d
from benchbench.learn.folding import fold_batch_norm
from benchbench.learn.operations import per_pixel
from benchbench.learn.precision import no_autocast


def _normal_init(module: nn.Module) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for batch norm (Isola et al. 2017, section 6)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [
                PaddedConv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
        self.body = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return x + cast(Tensor, self.body(x))


class _Conditioned(nn.Sequential):
    """Layers one after the other; the first convolution is told the class."""

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        for layer in self:
            x = layer(x, label) if isinstance(layer, PlanesConv2d) else layer(x)
        return x


def _johnson(shape: GeneratorShape, classes: int) -> nn.Sequential:
    """The published network (Johnson et al. 2016 with the changes of protocol.md)."""
    c = shape.channels
    layers: list[nn.Module] = [
        nn.ReflectionPad2d(3),
        PlanesConv2d(3, classes, c, 7, bias=False),
        nn.BatchNorm2d(c),
        nn.ReLU(inplace=True),
    ]
    for width in (c, 2 * c):
        layers += [
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(inplace=True),
        ]
    layers += [_Residual(4 * c) for _ in range(shape.blocks)]
    for width in (4 * c, 2 * c):
        layers += [
            nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1, bias=False),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(inplace=True),
        ]
    return _Conditioned(*layers, nn.ReflectionPad2d(3), nn.Conv2d(c, 3, 7))


def _full_resolution(shape: GeneratorShape, classes: int) -> nn.Sequential:
    """A stack of 3x3 convolutions with no down-sampling but an optional, loss-free space-to-depth of the input.

    Without down-sampling, as SpoC's own generator (Cozzolino et al. 2019, seven convolutions); space-to-depth by two
    keeps every value and gives each Bayer phase its own filters at a quarter of the positions.
    """
    c, fold = shape.channels, shape.space_to_depth
    layers: list[nn.Module] = [nn.PixelUnshuffle(fold)] if fold > 1 else []
    reflect: dict[str, Any] = {"padding": 1, "padding_mode": "reflect"}
    for block in range(shape.blocks):
        layers += [
            PaddedConv2d(c, c, 3, bias=False, **reflect)
            if block
            else PlanesConv2d(3 * fold**2, classes, c, 3, repeat=fold**2, bias=False, **reflect),
            nn.BatchNorm2d(c),
            nn.ReLU(inplace=True),
        ]
    layers += [PaddedConv2d(c, 3 * fold**2, 3, **reflect)]
    return _Conditioned(*layers, *([nn.PixelShuffle(fold)] if fold > 1 else []))


class _WienerLike(nn.Module):
    """Filters whose answers are turned down by their own energy, which is how a Wiener filter takes a signal away.

    Of a wavelet coefficient w the filter that is to be learned leaves w s^2 / (s^2 + v), v the energy around it
    (Mihcak et al. 1999). Here w are answers of learned filters and v a learned sum of their energies; the filters look
    at what a Gaussian leaves of the picture, since the residual is a hundredth of the picture's range.

    Shape:
        (N, 3, H, W) -> (N, 3, H, W), H and W multiples of `shape.space_to_depth`.
    """

    SIGMA: ClassVar[float] = 2.0
    """Px, of the Gaussian whose picture is taken away."""
    SCALE: ClassVar[float] = 16.0
    """Factor that brings what is left near 1."""
    AROUND: ClassVar[tuple[int, int]] = (3, 7)
    """Sides of the squares over which energy is averaged, in folded px."""
    kernel: Tensor

    def __init__(self, shape: GeneratorShape) -> None:
        super().__init__()
        c, self.fold = shape.channels, shape.space_to_depth
        self.radius = round(3 * self.SIGMA)
        line = _gaussian(self.SIGMA, self.radius)
        self.register_buffer("kernel", line.expand(3, 1, 1, -1).clone(), persistent=False)
        self.filters = PaddedConv2d(3 * self.fold**2, c, 5, padding=2, padding_mode="reflect", bias=False)
        self.energy = PaddedConv2d(len(self.AROUND) * c, c, 3, padding=1, padding_mode="reflect")
        self.mix = PaddedConv2d(c, 3 * self.fold**2, 5, padding=2, padding_mode="reflect", bias=False)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the residual of pictures in [-1, 1], in the same scale."""
        with no_autocast(x.device):  # bfloat16 has steps of a gray level near white
            picture = x.float()
            padded = nn.functional.pad(picture, [self.radius] * 4, mode="reflect")
            mean = nn.functional.conv2d(padded, self.kernel, groups=3)
            mean = nn.functional.conv2d(mean, self.kernel.transpose(2, 3), groups=3)
            fine = nn.functional.pixel_unshuffle((picture - mean) * self.SCALE, self.fold)
        answers = self.filters(fine)
        left = answers / (1 + self.variance(answers))
        return nn.functional.pixel_shuffle(self.mix(left), self.fold) / self.SCALE

    def variance(self, answers: Tensor) -> Tensor:
        """Return v for each answer, (N, channels, h, w), at least 0."""
        with no_autocast(answers.device):  # means of bfloat16 and their gradients take longer
            squared = answers.float().square()
            energies = torch.cat([_mean(squared, s) for s in self.AROUND], 1).to(answers.dtype)
        return _softplus(self.energy(energies))


def _mean(x: Tensor, side: int) -> Tensor:
    """Return the mean of (N, C, H, W) over `side` x `side` px, of what lies inside; by rows, then by columns."""
    half = side // 2
    rows = nn.functional.avg_pool2d(x, (1, side), 1, (0, half), count_include_pad=False)
    return nn.functional.avg_pool2d(rows, (side, 1), 1, (half, 0), count_include_pad=False)


def _softplus(x: Tensor) -> Tensor:
    """Return log(1 + e^x), as exact as the 1 that it is added to; torch's is more exact, in twice the time and more."""
    size = x.abs()
    return (x + size) / 2 + torch.log(1 + torch.exp(-size))


def _gaussian(sigma: float, radius: int) -> Tensor:
    """Return the samples (2 radius + 1,) of a Gaussian, sum 1."""
    line = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    return line / line.sum()


class ChromaBlur(nn.Module):
    """A Gaussian on Cb and Cr (ITU-R BT.601), brightness untouched.

    Args:
        sigma: px, more than 0. The kernel ends at three sigma.

    Shape:
        (N, 3, H, W) -> (N, 3, H, W), in any linear scale; the image is reflected at its borders.
    """

    kernel: Tensor

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.radius = max(1, round(3 * sigma))
        line = _gaussian(sigma, self.radius)
        self.register_buffer("kernel", (line[:, None] * line[None, :]).expand(3, 1, -1, -1).clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Blur."""
        # Color is what is left beside brightness: blurring R - Y, G - Y and B - Y blurs Cb and Cr.
        luma = 0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:]
        color = nn.functional.pad(x - luma, [self.radius] * 4, mode="reflect")
        return luma + nn.functional.conv2d(color, self.kernel.to(x.dtype), groups=3)


class ImageToImage(nn.Module):
    """A network from images to images of the same size.

    Args:
        shape: kind and widths.
        planes: constant condition planes beside the three color channels: one a class, or 0.
        bounded: end in tanh (generators) or not (E0).

    Raises:
        BenchError: condition planes or a skip connection in a network of the kind 'wiener-like', which learns residuals
            alone.
    """

    def __init__(self, shape: GeneratorShape, planes: int, bounded: bool) -> None:
        super().__init__()
        self.bounded, self.skip = bounded, shape.skip
        self.multiple = 4 if shape.kind == "johnson" else shape.space_to_depth
        self.body: nn.Module
        if shape.kind == "wiener-like":
            if planes or shape.skip:
                raise BenchError("a network of the kind 'wiener-like' learns residuals; a generator has another kind.")
            self.body = _WienerLike(shape)
        else:
            self.body = (_johnson if shape.kind == "johnson" else _full_resolution)(shape, planes)
        self.chroma = ChromaBlur(shape.chroma_blur) if shape.chroma_blur > 0 else nn.Identity()
        if shape.kind != "wiener-like":
            self.apply(_normal_init)
        if shape.skip:
            # The network starts as the identity: it need not learn to copy.
            last = [m for m in self.body.modules() if isinstance(m, nn.Conv2d)][-1]
            nn.init.zeros_(last.weight)

    def forward(self, x: Tensor, target: Tensor | None = None) -> Tensor:
        """Map x (N, 3, H, W) in [-1, 1], conditioned on classes `target` (N,), to (N, 3, H, W)."""
        h, w = x.shape[-2:]
        padding = (-w % self.multiple, -h % self.multiple)
        inputs = nn.functional.pad(x, (0, padding[0], 0, padding[1]), mode="replicate") if any(padding) else x
        y = cast(Tensor, self.body(inputs, target))[..., :h, :w]
        y = cast(Tensor, self.chroma(y + x if self.skip else y))
        if self.bounded:
            return y.clamp(-1, 1) if self.skip else torch.tanh(y)
        return y


def operations(shape: GeneratorShape, planes: int) -> float:
    """Return the operations of a network of this shape on one pixel, see `Fit.operations`."""
    label = [lambda: torch.zeros(1, dtype=torch.long)] if planes else []
    return per_pixel((repr(shape), planes), lambda: ImageToImage(shape, planes, bounded=True), 3, *label)


def frozen(shape: GeneratorShape, planes: int, bounded: bool, state: dict[str, Tensor]) -> ImageToImage:
    """Return a trained network for use: eval mode, no gradients to its weights, batch norm folded."""
    network = ImageToImage(shape, planes, bounded)
    network.load_state_dict(state)
    network = network.eval().requires_grad_(False)
    network.body = fold_batch_norm(network.body)
    return network


FirstLayer = Literal["cc", "rgb+fd", "rgb"]
"""What a critic sees of a picture: its prediction errors, its finite differences beside it, or itself alone."""


class PatchCritic(nn.Module):
    """PatchGAN discriminator with a receptive field of 34 x 34, conditioned after its first convolution.

    Args:
        first: 'cc' puts a constrained convolution before it (Cama, MISL), 'rgb+fd' finite differences beside the
            image (SpoC), 'rgb' nothing.
        gain: factor on the residuals that this first layer makes. They are some hundredths of the condition planes
            that join them, so with a gain of 1 (the paper's) it takes many steps until the critic sees them.
    """

    def __init__(self, classes: int, channels: int, first: FirstLayer, gain: float = 1.0) -> None:
        super().__init__()
        self.classes, self.gain = classes, gain
        self.constrained = ConstrainedConv() if first == "cc" else None
        self.differences = FiniteDifferences() if first == "rgb+fd" else None
        c = channels
        self.stem = nn.Sequential(
            nn.Conv2d(9 if first == "rgb+fd" else 3, c, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)
        )
        self.body = nn.Sequential(
            PlanesConv2d(c, classes, 2 * c, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * c),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * c, 4 * c, 4, padding=1, bias=False),
            nn.BatchNorm2d(4 * c),
            nn.LeakyReLU(0.2, inplace=True),
            ScoreConv2d(4 * c, 4, padding=1),
        )
        self.stem.apply(_normal_init)
        self.body.apply(_normal_init)

    def look(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `judge` needs to know of pictures (N, 3, H, W), whatever their labels."""
        if self.constrained is not None:
            x = self.constrained(x) * self.gain
        elif self.differences is not None:
            x = torch.cat([x, self.differences(x) * self.gain], dim=1)
        return cast(PlanesConv2d, self.body[0]).answers(self.stem(x))

    def judge(self, seen: tuple[Tensor, Tensor], label: Tensor) -> Tensor:
        """Return a map of scores (N, 1, h, w): 1 for 'a photograph of this label'."""
        picture, planes = seen
        return cast(Tensor, self.body[1:](picture + planes[label]))

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Return the scores of pictures (N, 3, H, W) in [-1, 1]."""
        return self.judge(self.look(x), label)
