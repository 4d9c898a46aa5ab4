"""Bayer mosaics and their demosaicing, as batched, differentiable torch operations.

A camera sensor sees one color a pixel; the other two are interpolated, and the interpolation leaves a trace
that camera-model attribution reads. `remosaic` replaces that trace by a known one.

Everything takes and returns floating-point NCHW tensors of any scale, on any device, with H and W of any
parity, and never clips (except `remosaic`). Rows and columns of `pattern` are those of the top left 2 x 2
pixels, so "GRBG" means green, red / blue, green.

Borders follow the colour-demosaicing package (established by experiment, to the last bit in float64):
`demosaic_malvar` repeats the border pixel (half-sample symmetric), `demosaic_menon` mirrors about it
(whole-sample symmetric) and lets differences outside the image count for nothing in the choice of direction.
"""

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["BayerPattern", "bayer_mosaic", "demosaic_malvar", "demosaic_menon", "remosaic"]

BayerPattern = Literal["RGGB", "BGGR", "GRBG", "GBRG"]

_MIN_SIZE = 3  # mirroring two pixels about the border pixel needs two others


_Site = tuple[int, int]  # parity of the row, parity of the column


def _red_and_blue(pattern: BayerPattern) -> tuple[_Site, _Site]:
    if pattern not in get_args(BayerPattern):
        raise ValueError(f"unknown Bayer pattern {pattern!r}; available: {', '.join(get_args(BayerPattern))}")
    row, col = divmod(pattern.index("R"), 2)
    return (row, col), (1 - row, 1 - col)


def _check(x: Tensor, channels: int, min_size: int) -> None:
    if x.ndim != 4 or x.shape[1] != channels:
        raise ValueError(f"expected a tensor of shape (N, {channels}, H, W), got {tuple(x.shape)}")
    if not x.is_floating_point():
        raise ValueError(f"expected a floating-point tensor, got {x.dtype}")
    if min(x.shape[2:]) < min_size:
        raise ValueError(f"expected H and W of at least {min_size}, got {x.shape[2]} x {x.shape[3]}")


def _copy_site(target: Tensor, channel: int, site: _Site, source: Tensor) -> None:
    """Copy the pixels of one of the four Bayer sites from a plane (N, H, W) into a channel of an image."""
    row, col = site
    target[:, channel, row::2, col::2] = source[:, row::2, col::2]


def bayer_mosaic(x: Tensor, pattern: BayerPattern = "RGGB") -> Tensor:
    """Sample one color a pixel.

    Args:
        x: RGB images, (N, 3, H, W), floating point, any range.
        pattern: colors of the top left 2 x 2 pixels, row by row.

    Returns:
        (N, 1, H, W), in the range of `x`.

    Raises:
        ValueError: for another shape, an integer tensor or an unknown pattern.
    """
    red, blue = _red_and_blue(pattern)
    _check(x, channels=3, min_size=1)
    mosaic = x[:, 1:2].clone()
    _copy_site(mosaic, 0, red, x[:, 0])
    _copy_site(mosaic, 0, blue, x[:, 2])
    return mosaic


def _assemble(
    mosaic: Tensor,
    red: _Site,
    blue: _Site,
    *,
    green: Tensor,
    red_at_blue: Tensor,
    blue_at_red: Tensor,
    along_row: Tensor,
    along_col: Tensor,
) -> Tensor:
    """Put samples and estimates together.

    The estimates are (N, 1, H, W), each read only where it means something: `green` at red and blue sites;
    `along_row` (`along_col`) at green sites, for the color sampled at the horizontal (vertical) neighbors.
    """
    rgb = mosaic.repeat(1, 3, 1, 1)  # every sample is right in its own channel
    in_red_row, in_blue_row = (red[0], blue[1]), (blue[0], red[1])
    for channel, site, estimate in (
        (1, red, green),
        (1, blue, green),
        (0, blue, red_at_blue),
        (2, red, blue_at_red),
        (0, in_red_row, along_row),
        (0, in_blue_row, along_col),
        (2, in_red_row, along_col),
        (2, in_blue_row, along_row),
    ):
        _copy_site(rgb, channel, site, estimate[:, 0])
    return rgb


def demosaic_malvar(mosaic: Tensor, pattern: BayerPattern = "RGGB") -> Tensor:
    """Demosaic with the 5 x 5 gradient-corrected linear filters of Malvar, He and Cutler.

    H. S. Malvar, L. He, R. Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned
    color images", ICASSP 2004, figure 2: bilinear interpolation plus a Laplacian of the color sampled at the
    pixel, with gains alpha = 1/2, beta = 5/8, gamma = 3/4.

    Args:
        mosaic: (N, 1, H, W), floating point, any range; H and W at least 3.
        pattern: colors of the top left 2 x 2 pixels, row by row.

    Returns:
        RGB, (N, 3, H, W); it can overshoot the range of `mosaic`.

    Raises:
        ValueError: for another shape, an integer tensor, an image that is too small or an unknown pattern.
    """
    red, blue = _red_and_blue(pattern)
    _check(mosaic, channels=1, min_size=_MIN_SIZE)
    height, width = mosaic.shape[2:]
    rows = torch.cat([mosaic[..., :2, :].flip(-2), mosaic, mosaic[..., -2:, :].flip(-2)], dim=-2)
    padded = torch.cat([rows[..., :2].flip(-1), rows, rows[..., -2:].flip(-1)], dim=-1)

    def at(dy: int, dx: int) -> Tensor:
        return padded[..., 2 + dy : 2 + dy + height, 2 + dx : 2 + dx + width]

    row_1, row_2 = at(0, -1) + at(0, 1), at(0, -2) + at(0, 2)
    col_1, col_2 = at(-1, 0) + at(1, 0), at(-2, 0) + at(2, 0)
    diagonal = at(-1, -1) + at(-1, 1) + at(1, -1) + at(1, 1)
    far = row_2 + col_2

    green = mosaic / 2 + (row_1 + col_1) / 4 - far / 8
    across = (mosaic * 6 + diagonal * 2 - far * 1.5) / 8
    along_row = (mosaic * 5 + row_1 * 4 - diagonal - row_2 + col_2 / 2) / 8
    along_col = (mosaic * 5 + col_1 * 4 - diagonal - col_2 + row_2 / 2) / 8
    return _assemble(
        mosaic,
        red,
        blue,
        green=green,
        red_at_blue=across,
        blue_at_red=across,
        along_row=along_row,
        along_col=along_col,
    )


def _neighbor_mean(x: Tensor, dim: Literal[-2, -1]) -> Tensor:
    """Mean of the two neighbors along `dim`, mirrored about the border pixel."""
    size = x.shape[dim]
    padded = torch.cat([x.narrow(dim, 1, 1), x, x.narrow(dim, size - 2, 1)], dim=dim)
    return (padded.narrow(dim, 0, size) + padded.narrow(dim, 2, size)).mul_(0.5)


def _roughness(color_difference: Tensor) -> Tensor:
    """How much the color difference varies along rows, around each red or blue pixel.

    The absolute differences between columns j and j + 2 are summed over a 5 x 5 window: those of the pixel's
    own row weigh 3, those of its own color two rows away 1, those of the other color one row away 1. (These
    weights reproduce the colour-demosaicing package's choice of direction at every pixel.)
    """
    height, width = color_difference.shape[2:]
    step = (color_difference[..., 2:] - color_difference[..., :-2]).abs_()
    # Column j of `steps` is |d(j) - d(j - 2)|. The first two lie outside the image and are 0. At the far
    # border the mirrored d(j + 2) gives 0 for the last column but one and repeats the last step for the last.
    steps = pad(step, (2, 2))
    steps[..., width + 1] = step[..., -1]
    steps = pad(steps, (0, 0, 2, 2))

    def rows(dy: int, columns: Tensor) -> Tensor:
        return columns[..., 2 + dy : 2 + dy + height, :]

    both_sides = steps[..., :width] + steps[..., 2:]
    between = steps[..., 1 : width + 1]
    total = rows(0, both_sides) * 3
    return total.add_(rows(-2, both_sides)).add_(rows(2, both_sides)).add_(rows(-1, between)).add_(rows(1, between))


def demosaic_menon(mosaic: Tensor, pattern: BayerPattern = "RGGB") -> Tensor:
    """Demosaic by directional filtering with a posteriori decision, with the refining step.

    D. Menon, S. Andriani, G. Calvagno, "Demosaicing with directional filtering and a posteriori decision",
    IEEE Transactions on Image Processing 16(1), 2007.

    Differentiable except where the choice of direction changes; the choice itself passes no gradient. Equally
    smooth directions give way to the horizontal one; in grey levels (sums of which are exact) such ties are
    exact, otherwise rounding decides them.

    Args:
        mosaic: (N, 1, H, W), floating point, any range; H and W at least 3.
        pattern: colors of the top left 2 x 2 pixels, row by row.

    Returns:
        RGB, (N, 3, H, W); it can overshoot the range of `mosaic`.

    Raises:
        ValueError: for another shape, an integer tensor, an image that is too small or an unknown pattern.
    """
    red, blue = _red_and_blue(pattern)
    _check(mosaic, channels=1, min_size=_MIN_SIZE)
    # Most tensors below mean something on half of the checkerboard only: green sites, or red and blue ones.
    # The filters never mix the halves, so the other half is carried along and dropped at the end.
    height, width = mosaic.shape[2:]

    # 1. Green at red and blue sites, once along rows and once along columns: [-1 2 2 2 -1] / 4.
    half = mosaic * 0.5
    by_col = pad(mosaic, (2, 2, 0, 0), mode="reflect")
    by_row = pad(mosaic, (0, 0, 2, 2), mode="reflect")
    green_h = (
        torch.add(half, by_col[..., 1 : width + 1], alpha=0.5)
        .add_(by_col[..., 3 : width + 3], alpha=0.5)
        .sub_(by_col[..., :width], alpha=0.25)
        .sub_(by_col[..., 4:], alpha=0.25)
    )
    green_v = (
        torch.add(half, by_row[..., 1 : height + 1, :], alpha=0.5)
        .add_(by_row[..., 3 : height + 3, :], alpha=0.5)
        .sub_(by_row[..., :height, :], alpha=0.25)
        .sub_(by_row[..., 4:, :], alpha=0.25)
    )

    # 2. The direction along which the color difference (red or blue minus green) is smoother.
    difference_h, difference_v = mosaic - green_h, mosaic - green_v
    with torch.no_grad():
        roughness_v = _roughness(difference_v.mT).mT
        horizontal = roughness_v >= _roughness(difference_h)
    difference = torch.where(horizontal, difference_h, difference_v)

    # 3. Color differences at green sites. Of R - G and B - G there, one is the mean of its horizontal
    #    neighbors and the other of its vertical ones; in red rows R - B is the first minus the second, in
    #    blue rows the reverse.
    row_sign = mosaic.new_ones(height, 1)
    row_sign[blue[0] :: 2] = -1.0
    along_h, along_v = _neighbor_mean(difference, -1), _neighbor_mean(difference, -2)
    red_minus_blue = (along_h - along_v) * row_sign

    # 4. R - B at red and blue sites, in the chosen direction.
    coarse = torch.where(horizontal, _neighbor_mean(red_minus_blue, -1), _neighbor_mean(red_minus_blue, -2))

    # 5. Refining: the difference's low frequencies, a mean of three pixels in the chosen direction, replace
    #    it; first for green, then for red and blue at green sites, then for red at blue sites and blue at red
    #    sites.
    smooth = torch.where(horizontal, _neighbor_mean(along_h, -1), _neighbor_mean(along_v, -2))
    difference = (difference + 2 * smooth) / 3
    along_h, along_v = _neighbor_mean(difference, -1), _neighbor_mean(difference, -2)
    red_minus_blue = (along_h - along_v) * row_sign
    smooth = torch.where(horizontal, _neighbor_mean(red_minus_blue, -1), _neighbor_mean(red_minus_blue, -2))
    fine = (coarse + 2 * smooth) / 3

    return _assemble(
        mosaic,
        red,
        blue,
        green=mosaic - difference,
        red_at_blue=mosaic + fine,
        blue_at_red=mosaic - fine,
        along_row=mosaic + along_h,
        along_col=mosaic + along_v,
    )


def remosaic(x: Tensor, pattern: BayerPattern = "RGGB") -> Tensor:
    """Replace an image's demosaicing trace: Bayer mosaic, Menon's demosaicing, clipping to [0, 1].

    The input of the generator in all three conditional-GAN attacks.

    Args:
        x: RGB images, (N, 3, H, W), floating point, in [0, 1]; H and W at least 3.
        pattern: colors of the top left 2 x 2 pixels, row by row.

    Returns:
        (N, 3, H, W), in [0, 1].

    Raises:
        ValueError: as `bayer_mosaic` and `demosaic_menon`.
    """
    # In grey levels, where the sums of an 8-bit photograph are exact: a few percent of its pixels tie between the
    # two directions, and in units of 1 / 255 rounding would decide them, differently for each dtype.
    grey_levels = bayer_mosaic(x, pattern) * 255.0
    return (demosaic_menon(grey_levels, pattern) / 255.0).clamp(0.0, 1.0)
