"""A measure: the largest change of a pixel."""

import numpy as np
import torch

from benchbench import Measure


class Largest(Measure):
    name, title, unit, higher = "largest", "Largest change", "gray levels", False
    text = "largest absolute difference to the original"

    def measure(self, x: torch.Tensor, y: torch.Tensor, rounded: bool) -> np.ndarray:
        return (y - x).abs().amax((1, 2, 3)).double().mul(255).cpu().numpy()
