"""Fingerprints and PCE against plain NumPy: loops over pixels, and correlation by moving pictures about."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchbench.forensics import (
    FingerprintEstimate,
    correlation,
    pce,
    pce_with,
    probe_residual,
    spectral_wiener,
    wavelet_wiener,
    without_phase_means,
)


def plain_phases(picture: np.ndarray) -> np.ndarray:
    made = picture.astype(float).copy()
    for i in (0, 1):
        for j in (0, 1):
            phase = made[i::2, j::2]
            for row in range(len(phase)):
                phase[row] -= phase[row].mean()
            for column in range(phase.shape[1]):
                phase[:, column] -= phase[:, column].mean()
    return made


def plain_pce(one: np.ndarray, other: np.ndarray) -> float:
    """Goljan et al. 2009 at shift 0, every shift by np.roll."""
    one, other = one - one.mean(), other - other.mean()
    height, width = one.shape
    peak, rest = 0.0, []
    for i in range(height):
        for j in range(width):
            value = float((one * np.roll(other, (i, j), (0, 1))).sum())
            if (i, j) == (0, 0):
                peak = value
            if min(i, height - i) > 5 or min(j, width - j) > 5:
                rest.append(value**2)
    return np.sign(peak) * peak**2 / float(np.mean(rest))


def test_pce_is_that_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(22, 30)) + 3
    for other in (one + rng.normal(size=one.shape), rng.normal(size=one.shape), -one, np.roll(one, (2, 3), (0, 1))):
        found = pce(correlation(torch.from_numpy(one), torch.from_numpy(other)))
        assert float(found) == pytest.approx(plain_pce(one, other), rel=1e-9)
    assert float(pce(torch.zeros(20, 20, dtype=torch.float64))) == 0


def test_means_go_phase_by_phase() -> None:
    picture = np.random.default_rng(0).normal(size=(12, 16)) + np.arange(16)
    found = without_phase_means(torch.from_numpy(picture)[None, None])[0, 0].numpy()
    assert np.abs(found - plain_phases(picture)).max() < 1e-12
    assert abs(found[1::2, 0::2].mean(axis=0)).max() < 1e-12


def test_the_estimate_is_the_maximum_likelihood() -> None:
    rng = np.random.default_rng(0)
    photographs = np.clip(rng.normal(0.6, 0.2, (5, 3, 16, 16)), 0, 1).astype(np.float32)
    photographs[0, :, 3, 4] = 1.0
    residuals = wavelet_wiener(torch.from_numpy(photographs), sigma=3.0, spectral=False).numpy()
    expected = np.zeros((3, 16, 16))
    for c in range(3):
        for i in range(16):
            for j in range(16):
                light = [float(p[c, i, j]) if p[c, i, j] < 250 / 255 else 0.0 for p in photographs]
                above = sum(float(w[c, i, j]) * v for w, v in zip(residuals, light, strict=True))
                expected[c, i, j] = above / (sum(v * v for v in light) + 1)
    plain = sum(w * plain_phases(e) for w, e in zip((0.299, 0.587, 0.114), expected, strict=True))
    filtered = spectral_wiener(torch.from_numpy(plain).float()[None, None])[0, 0]
    estimate = FingerprintEstimate()
    estimate.add(torch.from_numpy(photographs[:2]))
    estimate.add(torch.from_numpy(photographs[2:]))
    assert torch.allclose(estimate.fingerprint(), filtered, atol=1e-6)


def test_a_sensor_is_told_from_another() -> None:
    """Photographs of two sensors with 1 % of PRNU: each matches its own, by far more than any other."""
    size = 96

    def photographs(sensor: int, count: int, seed: int) -> torch.Tensor:
        gain = 1 + 0.01 * np.random.default_rng(sensor).standard_normal((size, size))
        draw = np.random.default_rng(seed)
        places = np.linspace(0, 1, size)
        made = []
        for _ in range(count):
            light = 0.45 + 0.15 * np.sin(draw.uniform(1, 5) * places[:, None] + draw.uniform(1, 5) * places[None, :])
            made.append([light * gain + 0.004 * draw.standard_normal((size, size)) for _ in range(3)])
        return torch.from_numpy(np.rint(np.clip(made, 0, 1) * 255) / 255).float()

    fingerprints = []
    for sensor in (1, 2):
        estimate = FingerprintEstimate()
        estimate.add(photographs(sensor, 20, 10 + sensor))
        fingerprints.append(estimate.fingerprint())
    for sensor in (1, 2):
        scores = pce_with(photographs(sensor, 4, 20 + sensor), torch.stack(fingerprints)).numpy()
        own, other = scores[:, sensor - 1], scores[:, 2 - sensor]
        assert own.min() > 100 and np.abs(other).max() < own.min() / 10
    x = photographs(1, 1, 30)
    residual = probe_residual(x)
    brightness = torch.einsum("nchw,c->nhw", x, torch.tensor([0.299, 0.587, 0.114]))
    one = plain_pce(residual[0, 0, :32, :32].numpy(), (brightness[0, :32, :32] * fingerprints[0][:32, :32]).numpy())
    by_hand = pce(correlation(residual[0, 0, :32, :32], brightness[0, :32, :32] * fingerprints[0][:32, :32]))
    assert float(by_hand) == pytest.approx(one, rel=1e-6)


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="fingerprints of 16 x 32"):
        pce_with(torch.zeros(1, 3, 32, 32), torch.zeros(2, 32, 16))
    with pytest.raises(ValueError, match="there is none"):
        FingerprintEstimate().fingerprint()
