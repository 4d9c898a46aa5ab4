"""Convolutions whose sums are known to be simpler than they look: the same numbers but for rounding, in less time.

Each is an `nn.Conv2d` with its weights under its names, so that a network with it is saved, loaded, initialized and
folded like one with that.
"""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.learn.precision import no_autocast


class PaddedConv2d(nn.Conv2d):
    """A convolution that reflects pictures at their borders in the numbers that they come in.

    In bfloat16 torch raises them to float32 to reflect them, and their gradients too.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding_mode != "reflect":
            return cast(Tensor, super()._conv_forward(input, weight, bias))
        rows, columns = (int(side) for side in self.padding)
        with no_autocast(input.device):
            input = F.pad(input, (columns, columns, rows, rows), mode="reflect")
        return F.conv2d(input, weight, bias, self.stride, 0, self.dilation, self.groups)


class PlanesConv2d(PaddedConv2d):
    """A convolution of pictures that have constant planes behind their channels: ones for their class, else zeros.

    It is linear, so the planes are never made: what the filters answer to the ones of a class is added to what they
    answer to a picture of that class.

    Args:
        channels: of the pictures alone.
        classes: 0 for pictures without planes.
        repeat: planes a class.

    Shape:
        (N, channels, H, W) and labels (N,) -> (N, out_channels, H', W').
    """

    def __init__(
        self, channels: int, classes: int, out_channels: int, kernel_size: int, *, repeat: int = 1, **options: Any
    ) -> None:
        super().__init__(channels + classes * repeat, out_channels, kernel_size, **options)
        self.channels, self.classes = channels, classes

    def answers(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the answers to pictures, (N, out_channels, H', W'), and to the planes of each class.

        Those are (classes, out_channels, H', W'), or of 1 x 1 where no filter reaches past a plane's end.
        """
        picture = self._conv_forward(x, self.weight[:, : self.channels], self.bias)
        weight = self.weight[:, self.channels :].reshape(self.out_channels, self.classes, -1, *self.kernel_size)
        weight = weight.sum(2).transpose(0, 1)
        if self.padding_mode != "zeros" or self.padding == (0, 0):
            return picture, weight.sum((2, 3), keepdim=True).to(picture.dtype)
        ones = x.new_ones(1, 1, *x.shape[2:])
        planes = F.conv2d(ones, weight.reshape(-1, 1, *self.kernel_size), None, self.stride, self.padding)
        return picture, planes.view(self.classes, self.out_channels, *picture.shape[2:])

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Convolve pictures with the planes of their labels, or without planes."""
        if label is None:
            return super().forward(x)
        picture, planes = self.answers(x)
        return picture + planes[label]


class ScoreConv2d(nn.Conv2d):
    """A convolution to one channel: one matrix product gives what each position adds to the scores around it.

    A kernel for many channels would leave most of its work undone.

    Shape:
        (N, in_channels, H, W) -> (N, 1, H', W'), with a stride of 1 and a padding below the size of the kernel.
    """

    def __init__(self, in_channels: int, kernel_size: int, padding: int) -> None:
        super().__init__(in_channels, 1, kernel_size, padding=padding)
        self.side, self.margin = kernel_size, padding

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        shares = x.permute(0, 2, 3, 1).flatten(1, 2) @ self.weight[0].flip(1, 2).flatten(1)
        height, width = (side + 2 * self.margin - self.side + 1 for side in x.shape[2:])
        scores = F.fold(shares.transpose(1, 2), (height, width), self.side, padding=self.side - 1 - self.margin)
        return scores if self.bias is None else scores + self.bias.view(-1, 1, 1)
