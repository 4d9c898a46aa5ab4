"""Signal processing of camera forensics in torch: residuals (HP, FD, CC, WW) and Bayer demosaicing."""

from .mosaic import BayerPattern, bayer_mosaic, demosaic_malvar, demosaic_menon, remosaic
from .residuals import ConstrainedConv, FiniteDifferences, HighPass, finite_differences, high_pass
from .wiener import WAVELET_WIENER_MIN_SIZE, WaveletWiener, wavelet_wiener

__all__ = [
    "WAVELET_WIENER_MIN_SIZE",
    "BayerPattern",
    "ConstrainedConv",
    "FiniteDifferences",
    "HighPass",
    "WaveletWiener",
    "bayer_mosaic",
    "demosaic_malvar",
    "demosaic_menon",
    "finite_differences",
    "high_pass",
    "remosaic",
    "wavelet_wiener",
]
