"""High-frequency residuals: what the targets and attacks look at in place of, or beside, the image.

`HighPass` (HP), `FiniteDifferences` (FD) and `ConstrainedConv` (CC) of docs/protocol; wiener.py has the fourth.
All map floating-point NCHW tensors to NCHW tensors of the same H and W, batch element by batch element, on
any device.

The fixed filters are sums of shifted copies rather than convolutions: a GPU may round a convolution's inputs
to TF32, half precision under autocast, which is coarse beside the fraction of a grey level that a residual is
about.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

__all__ = ["ConstrainedConv", "FiniteDifferences", "HighPass", "finite_differences", "high_pass"]


def check_images(x: Tensor, min_size: int = 1) -> None:
    if x.ndim != 4:
        raise ValueError(f"expected a tensor of shape (N, C, H, W), got {tuple(x.shape)}")
    if not x.is_floating_point():
        raise ValueError(f"expected a floating-point tensor, got {x.dtype}")
    if min(x.shape[2:]) < min_size:
        raise ValueError(f"expected H and W of at least {min_size}, got {x.shape[2]} x {x.shape[3]}")


def weighted_sum(terms: Sequence[tuple[float, Tensor]]) -> Tensor:
    (weight, term), *rest = terms
    total = term * weight
    for weight, term in rest:
        total.add_(term, alpha=weight)
    return total


# --- HP and FD ---


def high_pass(x: Tensor) -> Tensor:
    """The fixed 5 x 5 high-pass filter, summed over the channels.

    The filter, [-1 2 -2 2 -1; 2 -6 8 -6 2; -2 8 -12 8 -2; 2 -6 8 -6 2; -1 2 -2 2 -1] / 12, has rank 2: with
    r = [-1 2 -2 2 -1] and s = [2 -6 8 -6 2] its rows are r, s, -2 (r + s), s, r.

    Args:
        x: (N, C, H, W), floating point, any range.

    Returns:
        (N, 1, H, W), in the unit of `x`; the image is extended by zeros.

    Raises:
        ValueError: for another shape or an integer tensor.
    """
    check_images(x)
    height, width = x.shape[2:]
    plane = pad(x.sum(dim=1, keepdim=True), (2, 2, 2, 2))
    center = plane[..., 2 : 2 + width]
    near = plane[..., 1 : 1 + width] + plane[..., 3 : 3 + width]
    far = plane[..., :width] + plane[..., 4:]
    r = weighted_sum([(-2, center), (2, near), (-1, far)])
    s = weighted_sum([(8, center), (-6, near), (2, far)])

    def rows(columns: Tensor, dy: int) -> Tensor:
        return columns[..., 2 + dy : 2 + dy + height, :]

    return (rows(r, -2) + rows(r, 2) + rows(s, -1) + rows(s, 1) - 2 * rows(r + s, 0)) / 12


def finite_differences(x: Tensor) -> Tensor:
    """Third-order finite differences along rows and along columns.

    The first difference x[j] - x[j - 1] is iterated three times; each time a zero takes the place of the lost
    first column (or row), so that the first three columns (rows) of the result hold lower orders.

    Args:
        x: (N, C, H, W), floating point, any range.

    Returns:
        (N, 2 C, H, W), in the unit of `x`: the C horizontal differences, then the C vertical ones.

    Raises:
        ValueError: for another shape or an integer tensor.
    """
    check_images(x)
    horizontal = vertical = x
    for _ in range(3):
        horizontal = pad(horizontal[..., 1:] - horizontal[..., :-1], (1, 0))
        vertical = pad(vertical[..., 1:, :] - vertical[..., :-1, :], (0, 0, 1, 0))
    return torch.cat([horizontal, vertical], dim=1)


class HighPass(nn.Module):
    """Module form of `high_pass`: (N, C, H, W) -> (N, 1, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """Filter: (N, C, H, W) -> (N, 1, H, W)."""
        return high_pass(x)


class FiniteDifferences(nn.Module):
    """Module form of `finite_differences`: (N, C, H, W) -> (N, 2 C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """Filter: (N, C, H, W) -> (N, 2 C, H, W)."""
        return finite_differences(x)


# --- CC ---


class ConstrainedConv(nn.Module):
    """Convolution whose filters predict each pixel from its neighbors and return the prediction's error.

    B. Bayar, M. C. Stamm, "Constrained convolutional neural networks", IEEE Transactions on Information
    Forensics and Security 13(11), 2018: in each 2-D slice the center is -1 and the other weights
    sum to 1. Call `project_()` after every optimizer step.

    Not an `nn.Conv2d`, so that a loop that initializes all of a network's convolutions leaves it projected.
    On a GPU, `torch.backends.cudnn.allow_tf32` applies to it as to any convolution.

    Args:
        in_channels: C.
        out_channels: number of filters.
        kernel_size: odd side of the filters, at least 3.

    Shape:
        (N, in_channels, H, W) -> (N, out_channels, H, W); the image is extended by zeros.

    Raises:
        ValueError: for an even or too small `kernel_size`.
    """

    # Dividing by a sum this small beside the weights' absolute values would blow the filter up.
    _min_relative_sum = 1e-3

    def __init__(self, in_channels: int = 3, out_channels: int = 3, kernel_size: int = 5) -> None:
        super().__init__()
        if kernel_size < 3 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd and at least 3, got {kernel_size}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel_size, kernel_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw a random filter that satisfies the constraint."""
        # Positive draws: their sum is far from 0, so no filter starts out of proportion to the others.
        nn.init.uniform_(self.weight)
        self.project_()

    @torch.no_grad()
    def project_(self) -> None:
        """Apply the constraint in place: center 0, divide by the sum, center -1.

        Where the sum is (nearly) 0 the division is undefined; there the missing amount is spread evenly over
        the neighbors, which is the closest filter that satisfies the constraint.
        """
        middle = self.kernel_size // 2
        neighbors = self.kernel_size**2 - 1
        self.weight[:, :, middle, middle] = 0.0
        total = self.weight.sum(dim=(2, 3), keepdim=True)
        small = total.abs() <= self._min_relative_sum * self.weight.abs().sum(dim=(2, 3), keepdim=True)
        divided = self.weight / torch.where(small, torch.ones_like(total), total)
        shifted = self.weight + (1.0 - total) / neighbors
        self.weight.copy_(torch.where(small, shifted, divided))
        self.weight[:, :, middle, middle] = -1.0

    def forward(self, x: Tensor) -> Tensor:
        """Filter: (N, in_channels, H, W) -> (N, out_channels, H, W)."""
        return conv2d(x, self.weight, padding=self.kernel_size // 2)

    def extra_repr(self) -> str:
        """Parameters, for `repr`."""
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"


# --- WW: the wavelet transform ---
