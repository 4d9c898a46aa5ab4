"""Signal processing of camera forensics in torch: residuals (HP, FD, CC, WW), Bayer demosaicing, fingerprints."""

from .fingerprints import FingerprintEstimate, correlation, pce, pce_with, probe_residual, without_phase_means
from .mosaic import BayerPattern, bayer_mosaic, demosaic_malvar, demosaic_menon, remosaic
from .residuals import ConstrainedConv, FiniteDifferences, HighPass, finite_differences, high_pass
from .wiener import WAVELET_WIENER_MIN_SIZE, WaveletWiener, spectral_wiener, wavelet_wiener

__all__ = [
    "WAVELET_WIENER_MIN_SIZE",
    "BayerPattern",
    "ConstrainedConv",
    "FingerprintEstimate",
    "FiniteDifferences",
    "HighPass",
    "WaveletWiener",
    "bayer_mosaic",
    "correlation",
    "demosaic_malvar",
    "demosaic_menon",
    "finite_differences",
    "high_pass",
    "pce",
    "pce_with",
    "probe_residual",
    "remosaic",
    "spectral_wiener",
    "wavelet_wiener",
    "without_phase_means",
]
