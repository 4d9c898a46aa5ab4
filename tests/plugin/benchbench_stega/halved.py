"""A condition: an uploader that halves photographs and scales them back."""

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from benchbench import Condition


class Halved(Condition):
    name = "halved"
    text = "targets see photographs at half their size, scaled back"

    def show(self, x: torch.Tensor, wanted: np.ndarray, prepared: Any) -> torch.Tensor:
        small = F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True)
        return F.interpolate(small, size=x.shape[-2:], mode="bilinear").clamp(0, 1)
