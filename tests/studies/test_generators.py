"""Spectra of generators: a known pattern stands where its frequency is."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import uniform_filter

from benchbench.studies.generators import mean_spectrum


def test_a_pattern_of_every_fourth_pixel_has_its_peak_a_quarter_out():
    noise = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.1 + 0.4
    columns = torch.cos(2 * torch.pi * torch.arange(64) / 4)
    spectrum = mean_spectrum(noise + 0.1 * columns)
    peaks = np.argsort(spectrum.ravel())[-2:]
    assert sorted(np.unravel_index(peaks, spectrum.shape)[1].tolist()) == [16, 48]
    assert set(np.unravel_index(peaks, spectrum.shape)[0].tolist()) == {32}
    shift = np.roll(mean_spectrum(noise), (-32, -32), (0, 1))
    residuals = [g - uniform_filter(g, 3, mode="mirror") for g in noise.double().numpy().mean(1)]
    power = np.mean([np.abs(np.fft.fft2(r)) ** 2 for r in residuals], axis=0)
    assert np.allclose(np.exp(shift), power, rtol=1e-6, atol=1e-9)
