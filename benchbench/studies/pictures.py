"""Pictures of crafted photographs: panels, pairs, where they differ and by how much, and spectra of residuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchbench.base.errors import BenchError
from benchbench.base.files import file_name
from benchbench.contracts.attack import Attack
from benchbench.contracts.fit import Setup, collect
from benchbench.contracts.trials import Trials
from benchbench.evaluate.craft import craft_trials
from benchbench.evaluate.distortion import eight_bits
from benchbench.evaluate.measures import Psnr
from benchbench.evaluate.networks import craft_context, to_tensor
from benchbench.forensics import WaveletWiener
from benchbench.records.cache import Cache
from benchbench.report.figures import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from benchbench.contracts.photographs import Dataset


@dataclass(frozen=True)
class Crafted:
    """One photograph and what an attack made of it for every wanted class."""

    name: str
    true: int
    x: torch.Tensor
    """(1, 3, H, W) in [0, 1]."""
    wanted: tuple[int, ...]
    y: torch.Tensor
    """(len(wanted), 3, H, W), 8-bit values in [0, 1]."""

    @property
    def psnr(self) -> NDArray[np.float64]:
        """What each wanted class cost, dB."""
        return Psnr().measure(self.x.expand_as(self.y), self.y, rounded=True)


def craft_some(
    attack: Attack,
    dataset: Dataset,
    setup: Setup,
    cache: Cache,
    images: Sequence[int],
    device: torch.device,
    seed: int = 0,
) -> list[Crafted]:
    """Craft some test photographs for every wrong class, as a run does.

    Args:
        images: positions among the test photographs.

    Raises:
        BenchError: no such photograph, or a network of the attack has not been trained yet.
    """
    photos = dataset.photos("test")
    count = len(photos.camera)
    beyond = [i for i in images if not 0 <= i < count]
    if beyond:
        raise BenchError(f"there is no test photograph {beyond[0]}; there are {count}, numbered from 0.")
    for fit_id, fit in collect(attack.fits(setup), setup.data_id, cache.has).items():
        if not cache.has(fit_id):
            raise BenchError(f"'{fit.label}' has not been trained yet; bench run --attack {attack.name} does it.")
    context = craft_context(attack, setup, cache.root, device)
    made = []
    for i in images:
        true = int(photos.camera[i])
        wanted = tuple(c for c in range(setup.known) if c != true)
        batch = Trials(np.full(len(wanted), i), np.full(len(wanted), true), np.array(wanted))
        x = to_tensor(photos.images[batch.image], device)
        y = craft_trials(attack, photos, batch, x, context, seed, f"photograph {i}")
        made.append(Crafted(photos.name[i], true, x[:1], wanted, eight_bits(y)))
    return made


def draw(
    attack: Attack, dataset: Dataset, setup: Setup, cache: Cache, device: torch.device, seed: int, folder: Path
) -> list[Path]:
    """Write the panels and the spectra of a few test photographs of known camera models; return the files.

    Raises:
        BenchError: a network of the attack has not been trained yet.
        StoreError: a file cannot be written.
    """
    known = np.flatnonzero(dataset.photos("test").camera < setup.known)
    chosen = [int(i) for i in known[np.linspace(0, len(known) - 1, min(6, len(known))).astype(int)]]
    made = craft_some(attack, dataset, setup, cache, chosen, device, seed)
    title = f"{attack.card.title}, {dataset.name}, profile {setup.profile.name}"
    figures = {
        "photographs": panels([made[0], made[len(made) // 2]], dataset.camera_models, title),
        "pairs": pairs(made, dataset.camera_models, title, seed),
        "differences": differences(made[-1], dataset.camera_models, title),
        "spectra": spectra(made, dataset, title),
    }
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{file_name(attack.name)}-{name}.png")
        save(figure, paths[-1])
    return paths


def panels(made: Sequence[Crafted], models: Sequence[str], title: str, gain: float = 10.0) -> Figure:
    """Draw each photograph, what became of it for each wanted class, and the difference times `gain` round gray."""
    columns = 1 + max(len(c.wanted) for c in made)
    figure, axes = new_figure(1.9 * columns, 2 * 2.15 * len(made) + 0.4, 2 * len(made), columns)
    for axis in axes:
        axis.set_axis_off()
    for row, one in enumerate(made):
        first = 2 * row * columns
        axes[first].imshow(_levels(one.x[0]))
        axes[first].set_title(models[one.true], fontsize=8)
        cost = one.psnr
        for k, wanted in enumerate(one.wanted):
            axes[first + 1 + k].imshow(_levels(one.y[k]))
            axes[first + 1 + k].set_title(f"to {models[wanted]}\n{cost[k]:.1f} dB", fontsize=8)
            difference = 0.5 + gain * (one.y[k] - one.x[0])
            axes[first + columns + 1 + k].imshow(_levels(difference.clamp(0, 1)))
        axes[first + columns].text(0.5, 0.5, f"difference\nx {gain:g}", ha="center", va="center", fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def pairs(made: Sequence[Crafted], models: Sequence[str], title: str, seed: int = 0) -> Figure:
    """Draw photographs above what became of each for one wanted class, drawn at random.

    As figure 3 of Andrews, Zhang & Griffin, Camera model anonymisation with augmented cGANs, 2020.
    """
    rng = np.random.default_rng(seed)
    figure, axes = new_figure(1.9 * len(made), 4.4, 2, len(made))
    for axis in axes:
        axis.set_axis_off()
    for k, one in enumerate(made):
        chosen = int(rng.integers(len(one.wanted)))
        axes[k].imshow(_levels(one.x[0]))
        axes[k].set_title(models[one.true], fontsize=8)
        axes[len(made) + k].imshow(_levels(one.y[chosen]))
        axes[len(made) + k].set_title(f"to {models[one.wanted[chosen]]}", fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def differences(one: Crafted, models: Sequence[str], title: str) -> Figure:
    """Draw a photograph and what became of it for each wanted class, above `clamped_difference` of each.

    As figure 4 of Andrews, Zhang & Griffin, Camera model anonymisation with augmented cGANs, 2020.
    """
    columns = 1 + len(one.wanted)
    figure, axes = new_figure(1.9 * columns, 4.4, 2, columns)
    for axis in axes:
        axis.set_axis_off()
    axes[0].imshow(_levels(one.x[0]))
    axes[0].set_title(models[one.true], fontsize=8)
    axes[columns].text(0.5, 0.5, "l2 difference,\nmean ± 1 sd", ha="center", va="center", fontsize=8)
    for k, wanted in enumerate(one.wanted, start=1):
        axes[k].imshow(_levels(one.y[k - 1]))
        axes[k].set_title(f"to {models[wanted]}", fontsize=8)
        axes[columns + k].imshow(clamped_difference(one.x[0], one.y[k - 1]), vmin=0, vmax=1, cmap="gray")
    figure.suptitle(title, fontsize=10)
    return figure


def clamped_difference(x: torch.Tensor, y: torch.Tensor) -> NDArray[np.float64]:
    """Return the l2 difference over the channels of two (3, H, W), clamped to one sd round its mean and stretched.

    Returns:
        (H, W) in [0, 1]: 0 is a standard deviation below the mean over positions, 1 one above; all 0 without a change.
    """
    found: NDArray[np.float64] = (y - x).double().square().sum(0).sqrt().cpu().numpy()
    mean, sd = float(found.mean()), float(found.std())
    return np.clip((found - mean + sd) / (2 * sd), 0, 1) if sd > 0 else np.zeros_like(found)


def spectra(made: Sequence[Crafted], dataset: Dataset, title: str) -> Figure:
    """Draw the mean log spectrum of the Wiener residual: of photographs as they were, of genuine photographs of each
    wanted camera model, and of what was crafted to look like it.
    """
    wanted = sorted({w for one in made for w in one.wanted})
    figure, axes = new_figure(1.9 * (len(wanted) + 1), 4.6, 2, len(wanted) + 1)
    before = _spectrum(torch.cat([one.x for one in made]))
    crafted = {w: _spectrum(torch.cat([c.y[c.wanted.index(w)][None] for c in made if w in c.wanted])) for w in wanted}
    genuine = {w: _spectrum(_some(dataset, w, len(made))) for w in wanted}
    everything = np.stack([before, *crafted.values(), *genuine.values()])
    low, high = np.percentile(everything, (1, 99.8))
    look: dict[str, Any] = {"vmin": low, "vmax": high, "cmap": "magma"}
    for axis in axes:
        axis.set_axis_off()
    axes[0].imshow(before, **look)
    axes[0].set_title("before", fontsize=8)
    for k, w in enumerate(wanted):
        axes[1 + k].imshow(crafted[w], **look)
        axes[1 + k].set_title(f"crafted as\n{dataset.camera_models[w]}", fontsize=8)
        axes[len(wanted) + 2 + k].imshow(genuine[w], **look)
        axes[len(wanted) + 2 + k].set_title("genuine", fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def _some(dataset: Dataset, model: int, count: int) -> torch.Tensor:
    photos = dataset.photos("q" if dataset.whole else "test")
    rows = np.flatnonzero(photos.camera == model)[:count]
    return to_tensor(photos.images[rows], torch.device("cpu"))


def _spectrum(x: torch.Tensor) -> NDArray[np.float64]:
    """Return log10 of the mean power spectrum of the gray Wiener residual, (H, W), frequency 0 in the middle."""
    with torch.inference_mode():
        residual = WaveletWiener(spectral=False)(x.cpu()).mean(dim=1)
        power = torch.fft.fft2(residual.double()).abs().square().mean(dim=0)
    found: NDArray[np.float64] = np.log10(np.fft.fftshift(power.numpy()) + 1e-12)
    return found


def _levels(x: torch.Tensor) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = (x * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return found
