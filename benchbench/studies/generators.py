"""What generators leave in a spectrum, and what of it an attack takes away: figure 4 of Cozzolino et al. 2019."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from benchbench.base.errors import BenchError
from benchbench.contracts.attack import Attack
from benchbench.contracts.fit import Fit, Setup, collect
from benchbench.contracts.scenario import SCENARIOS
from benchbench.contracts.trials import Trials
from benchbench.evaluate.craft import craft_trials
from benchbench.evaluate.distortion import eight_bits
from benchbench.evaluate.networks import craft_context, networks, to_tensor
from benchbench.records.cache import Cache
from benchbench.report.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from benchbench.contracts.photographs import Dataset, Photos

PICTURES = 8
"""Pictures of a generator that a spectrum is the mean of."""
SPLITS = ("synthetic", "off-training")


def mean_spectrum(pictures: torch.Tensor) -> NDArray[np.float64]:
    """Return the log of the mean power spectrum, (H, W), of what pictures are beside their 3 x 3 mean.

    Args:
        pictures: (N, 3, H, W) in [0, 1].

    Returns:
        Frequency 0 is in the middle. The forensic high-pass filter would hide peaks on the axes.
    """
    gray = pictures.double().mean(1, keepdim=True)
    residual = gray - F.avg_pool2d(F.pad(gray, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
    power = torch.fft.fft2(residual[:, 0]).abs().square().mean(0)
    shifted: NDArray[np.float64] = torch.log(torch.fft.fftshift(power) + 1e-12).cpu().numpy()
    return shifted


def needed(attack: Attack, setup: Setup) -> dict[str, Fit]:
    """Return the fits that figure 4 is drawn from, by their ids."""
    fits = dict(attack.fits(setup))
    for split in SPLITS:
        fits |= SCENARIOS.create(split).fits(setup)
    return {fit.fit_id(setup.data_id): fit for fit in fits.values()}


def spectra_of_generators(
    attack: Attack, dataset: Dataset, setup: Setup, cache: Cache, device: torch.device, seed: int = 0, command: str = ""
) -> Figure:
    """Draw a picture of each generator and its spectrum, above what the attack makes of them for the first model.

    Args:
        command: that makes what is missing, for a message.

    Raises:
        BenchError: a network of the attack, or one that makes the pictures, has not been trained yet.
    """
    columns: list[tuple[str, torch.Tensor, torch.Tensor]] = []
    context = None
    for split in SPLITS:
        scenario = SCENARIOS.create(split)
        fits = dict(scenario.fits(setup)) | dict(attack.fits(setup))
        for fit_id, fit in collect(fits, setup.data_id, cache.has).items():
            if not cache.has(fit_id):
                raise BenchError(f"'{fit.label}' has not been made yet; {command} does it.")
        context = context or craft_context(attack, setup, cache.root, device)
        photos = scenario.pictures(dataset, networks(scenario.fits(setup), setup, cache.root, device))
        for generator in np.unique(photos.device):
            rows = np.flatnonzero(photos.device == generator)[:PICTURES]
            x = to_tensor(photos.images[rows], device)
            batch = Trials(rows, np.full(len(rows), -1), np.zeros(len(rows), np.int64))
            y = craft_trials(attack, photos, batch, x, context, seed, f"generator {generator}")
            columns.append((_name(photos, rows), x, eight_bits(y)))
    wanted = dataset.camera_models[0]
    return _draw(columns, f"{attack.card.title}, {wanted} wanted, {dataset.name}, profile {setup.profile.name}")


def _name(photos: Photos, rows: NDArray[np.int64]) -> str:
    return photos.name[int(rows[0])].rpartition("_")[0]


def _draw(columns: list[tuple[str, torch.Tensor, torch.Tensor]], title: str) -> Figure:
    count = len(columns)
    figure, axes = new_figure(1.9 * count, 7.8, 4, count)
    for axis in axes:
        axis.set_axis_off()
    for k, (name, x, y) in enumerate(columns):
        before, after = mean_spectrum(x), mean_spectrum(y)
        low, high = np.percentile(np.concatenate([before, after]), [5, 99.8])
        for row, picture in ((0, x), (2, y)):
            axes[row * count + k].imshow(picture[0].permute(1, 2, 0).cpu().numpy())
        for row, spectrum in ((1, before), (3, after)):
            axes[row * count + k].imshow(spectrum, vmin=low, vmax=high, cmap="gray")
        axes[k].set_title(name, fontsize=8)
        axes[2 * count + k].set_title("after", fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure
