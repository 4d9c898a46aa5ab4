"""Rates and PSNR against plain loops over image files."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from benchbench.contracts.protocol import Protocol
from benchbench.metrics import rates
from benchbench.records.cells import CellStore


def test_a_run_equals_a_plain_loop_over_saved_images(bench: Callable[..., Any], tmp_path: Path) -> None:
    """Craft with the attack alone, save PNG files, classify each file by itself, count in Python, compare all rates."""
    import torch
    from benchbench_stega.fade import Fade
    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift
    from benchbench_stega.toys import Toy

    from benchbench.contracts.attack import CraftContext
    from benchbench.evaluate.craft import image_seed

    source = Colors()
    album, known = source.open(tmp_path), source.known
    looks = (("rgb", "complete"), ("gray", "partial"), ("rgb", "partial"))
    targets = [Toy(look=look, overlap=overlap) for look, overlap in looks]
    bench([Shift(), Fade()], targets)
    centers = {}
    for role, n in (("q", 3), ("p", 5)):
        seen = album.photos(role)
        centers[role] = np.stack([seen.images[seen.camera == c].mean((0, 1, 2)) for c in range(n)]) / 255
    cells = {(c.attack.name, c.target.name, c.split.name): c for c in CellStore(tmp_path / "a" / "r").cells()}
    assert len(cells) == 12
    photos = album.photos("test")
    for attack in (Shift(), Fade()):
        for split in ("in", "out"):
            files = []
            for i, true in enumerate(photos.camera.tolist()):
                for wanted in range(known):
                    if (true < known) != (split == "in") or wanted == true:
                        continue
                    x = torch.from_numpy(photos.images[i].transpose(2, 0, 1).copy()).float()[None] / 255
                    seed = image_seed(0, attack.name, photos.name[i], wanted if attack.card.targeted else -1)
                    context = CraftContext(device=torch.device("cpu"), known=known, seeds=(seed,))
                    from benchbench_stega.toys import Nearest

                    context.networks = {"centers": Nearest(torch.tensor(centers["q"]).float())}
                    with torch.no_grad():
                        y = attack.perturb(x, None, torch.tensor([wanted]), context)
                    path = tmp_path / f"{attack.name}-{i}-{wanted}.png"
                    Image.fromarray(np.rint(y[0].numpy().transpose(1, 2, 0) * 255).astype(np.uint8)).save(path)
                    files.append((path, i, true, wanted))
            for target in targets:
                cell = cells[attack.name, target.name, split]
                hits: dict[int, list[bool]] = {}
                misses: dict[int, list[bool]] = {}
                decibels: dict[int, list[float]] = {}
                levels: dict[int, list[float]] = {}
                for path, i, true, wanted in files:
                    image = np.asarray(Image.open(path))
                    palette = centers["p"][: target.classes(_setup(source))]
                    if target.look == "gray":
                        palette = palette.mean(1, keepdims=True).repeat(3, 1)
                    guess = int(((image.mean((0, 1)) / 255 - palette) ** 2).sum(1).argmin())
                    hits.setdefault(wanted, []).append(guess == wanted)
                    misses.setdefault(true, []).append(guess != true)
                    decibels.setdefault(wanted, []).append(
                        peak_signal_noise_ratio(photos.images[i], image, data_range=255)
                    )
                    levels.setdefault(wanted, []).append(np.abs(photos.images[i].astype(int) - image).mean())
                assert rates.tsr(cell) == pytest.approx(np.mean([np.mean(v) for v in hits.values()]), abs=1e-12)
                usr = np.mean([np.mean(v) for v in misses.values()])
                expected = None if split == "out" and target.overlap == "complete" else pytest.approx(usr, abs=1e-12)
                assert rates.usr(cell) == expected
                mean = np.mean([np.mean(v) for v in decibels.values()])
                assert rates.psnr_mean(cell) == pytest.approx(mean, abs=1e-6)
                mean = np.mean([np.mean(v) for v in levels.values()])
                assert rates.l1_mean(cell) == pytest.approx(mean, abs=1e-9)
                assert rates.ssim_mean(cell) is None, "8 px photographs are smaller than its window"
                assert cell.counts.sum() == len(files)


def _setup(source: Any) -> Any:
    from benchbench.contracts.fit import Setup
    from benchbench.contracts.profile import load_profile

    return Setup(profile=load_profile("smoke"), data_id=source.data_id, known=source.known, classes=5)


@given(arrays(np.uint8, (6, 5, 3)), arrays(np.uint8, (6, 5, 3)))
def test_psnr_equals_scikit_image(x: Any, y: Any) -> None:
    squared = float(((x.astype(float) - y) ** 2).sum())
    if squared == 0:
        assert rates.psnr(squared, x.size) == math.inf
    else:
        assert rates.psnr(squared, x.size) == pytest.approx(peak_signal_noise_ratio(x, y, data_range=255), rel=1e-12)


def test_psnr_of_the_float_condition(bench: Callable[..., Any], tmp_path: Path) -> None:
    bench(protocols=[Protocol(condition="float")], where="float")
    bench(where="uint8")
    (one, *_), (other, *_) = (list(CellStore(tmp_path / w / "r").cells()) for w in ("float", "uint8"))
    assert one.cell_id != other.cell_id
    first, second = rates.psnr_mean(one), rates.psnr_mean(other)
    assert first is not None and second is not None and 0 < abs(first - second) < 0.1


def test_usr_is_missing_where_the_target_lacks_the_class() -> None:
    counts = np.ones((2, 3, 3), np.int64)
    assert rates.untargeted_success(counts, (3, 4)) is None
    assert rates.untargeted_success(counts, (0, 1)) == pytest.approx(2 / 3)


def test_no_trials_is_none_and_never_zero() -> None:
    assert rates.success(np.zeros((2, 3, 3), np.int64)) is None
    assert rates.untargeted_success(np.zeros((2, 3, 3), np.int64), (0, 1)) is None
    assert rates.accuracy(np.zeros((2, 3), np.int64), (0, 1)) is None
    assert rates.mean_per_wanted((0.0, 0.0), (0, 0)) is None


@given(st.lists(st.tuples(st.floats(20, 60), st.integers(1, 9)), min_size=1, max_size=6))
def test_psnr_is_averaged_per_class_first(classes: list[tuple[float, int]]) -> None:
    sums, images = tuple(mean * n for mean, n in classes), tuple(n for _, n in classes)
    assert rates.mean_per_wanted(sums, images) == pytest.approx(np.mean([mean for mean, _ in classes]))
    assert rates.mean_per_wanted((*sums, 0.0), (*images, 0)) == rates.mean_per_wanted(sums, images)


def test_rates_average_over_classes_not_images() -> None:
    counts = np.zeros((2, 2, 2), np.int64)
    counts[0, 1] = [0, 10]  # class 0: all ten become 1
    counts[1, 0] = [0, 1]  # class 1: the one stays
    assert rates.success(counts) == 0.5
    assert rates.untargeted_success(counts, (0, 1)) == 0.5
