"""Fingerprints of devices, of camera models and of sensors, and what scores photographs against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from benchbench.contracts.fit import Fit, FitContext
from benchbench.forensics import FingerprintEstimate, pce_with

Of = Literal["device", "model", "sensor"]
BATCH = 8
STEPS = 32.0
"""Of a byte, for a standard deviation."""


class Verifier(nn.Module):
    """Scores photographs against fingerprints: float32 (N, 3, H, W) in [0, 1] to PCE, (N, enrolled).

    Args:
        fingerprints: (enrolled, H, W).
        devices: what each is of: `<class>:<device>`, or `<class>` for a camera model.
    """

    fingerprints: Tensor

    def __init__(self, fingerprints: Tensor, devices: tuple[str, ...]) -> None:
        super().__init__()
        self.register_buffer("fingerprints", fingerprints)
        self.devices = devices

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores."""
        return pce_with(x, self.fingerprints).float()


@dataclass(frozen=True, kw_only=True)
class FingerprintsFit(Fit):
    """Fingerprints, one after another.

    device: by maximum likelihood, of further photographs of each test device (the role `enrol`: scenes that no test
    photograph shows). model: the same of all photographs of a camera model in p, whose devices are others. sensor: the
    devices' true PRNU, which virtual cameras can tell.
    """

    kind: ClassVar[str] = "benchbench_targets._fingerprints.FingerprintsFit"
    stands_alone: ClassVar[bool] = True

    of: Of
    each: int = 0
    """Photographs of each test device; of no meaning for models and sensors."""

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"fingerprints/{self.of}"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 40_000.0

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Estimate them.

        Raises:
            DataError: devices or sensors of photographs that are real, of which there are no more.
        """
        from benchbench.data.beside import devices_of_test, enrolled, sensitivities

        if self.of == "sensor":
            places = devices_of_test(context.data)
            return self._state(torch.from_numpy(sensitivities(context.data)), places)
        if self.of == "device":
            photos = enrolled(context.data, self.each, lambda done, total: context.progress(done, total, "photographs"))
            whose = list(zip(photos.camera.tolist(), photos.device.tolist(), strict=True))
        else:
            photos = context.data.photos("p")
            whose = [(int(camera), -1) for camera in photos.camera]
        found = []
        places = sorted(set(whose))
        for k, place in enumerate(places):
            estimate = FingerprintEstimate()
            rows = [i for i, one in enumerate(whose) if one == place]
            for start in range(0, len(rows), BATCH):
                images = np.array(photos.images[rows[start : start + BATCH]])
                x = torch.from_numpy(images).to(context.device).permute(0, 3, 1, 2).float() / 255
                estimate.add(x)
            found.append(estimate.fingerprint().cpu())
            context.progress(k + 1, len(places), "fingerprints")
        return self._state(torch.stack(found), places)

    @staticmethod
    def _state(fingerprints: Tensor, places: list[tuple[int, int]]) -> dict[str, Tensor]:
        # A byte is enough for noise, and PCE does not ask how large a fingerprint is.
        scaled = fingerprints / fingerprints.std(dim=(1, 2), keepdim=True).clamp_min(1e-12)
        bytes_ = (scaled * STEPS).round().clamp(-127, 127).to(torch.int8)
        return {"fingerprints": bytes_, "places": torch.tensor(places, dtype=torch.int64)}

    def load(self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> Verifier:
        """Return what scores photographs against them."""
        names = tuple(
            f"{camera}:{device}" if device >= 0 else str(camera) for camera, device in state["places"].tolist()
        )
        return Verifier(state["fingerprints"].float() / STEPS, names).eval()
