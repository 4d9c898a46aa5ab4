"""Figures show the numbers of their cells and pictures the pixels of their photographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchbench.base.errors import BenchError, StoreError
from benchbench.records.cell import Cell
from benchbench.report.catalog import alike
from benchbench.report.figures import confusion, curve, curves, save
from benchbench.report.groups import groups

MakeCell = Callable[..., Cell]


def family(cells: list[Cell]) -> Any:
    (found,) = alike(groups(cells)).values()
    return found


def test_a_heat_map_shows_shares_of_wanted_and_predicted(make_cell: MakeCell, tmp_path: Path) -> None:
    partial = "resnet18/rgb/partial"
    cells = [make_cell(target=partial, tsr=0.6), make_cell(target=partial, tsr=0.4, split="out")]
    figure = confusion(cells)
    for cell, axis in zip(cells, figure.axes, strict=False):
        shown = np.asarray(axis.images[0].get_array())
        expected = np.array(cell.counts).sum(0)
        assert shown.shape == (6, 12) and np.allclose(shown, expected / expected.sum(1, keepdims=True))
        assert list(axis.images[0].get_extent()) == [-0.5, 11.5, 5.5, -0.5], "wanted goes down, predicted across"
        assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted", "wanted")
        assert (len(axis.get_xticks()), len(axis.get_yticks())) == (12, 6)
        written = {text.get_position(): text.get_text() for text in axis.texts}
        assert written == {(k, w): f"{100 * share:.0f}" for (w, k), share in np.ndenumerate(shown)}
    save(figure, tmp_path / "deep" / "confusion.png")
    assert (tmp_path / "deep" / "confusion.png").stat().st_size > 5000
    with pytest.raises(StoreError, match=r"confusion\.doc' cannot be written"):
        save(figure, tmp_path / "confusion.doc")


def test_a_curve_has_a_point_a_budget_and_the_cells_that_all_have(make_cell: MakeCell) -> None:
    cells = [
        *(make_cell(tsr=t, psnr=b, budget=b) for b, t in ((30.0, 0.9), (35.0, 0.7), (40.0, 0.2))),
        make_cell(tsr=0.1, psnr=30.0, budget=30.0, target="vgg16/rgb/complete"),
        make_cell("pgd", tsr=0.5, budget=35.0),
        make_cell(tsr=0.99),
    ]
    made = curves(family(cells), "uint8")
    assert list(made) == ["Cama"], "one budget is no curve"
    assert [p.psnr for p in made["Cama"]] == pytest.approx([30, 35, 40])
    assert [p.estimate.value for p in made["Cama"]] == pytest.approx([0.9, 0.7, 0.2])
    assert {p.cells for p in made["Cama"]} == {1}
    (axis,) = curve(family(cells)).axes
    assert axis.lines[0].get_ydata() == pytest.approx([90, 70, 20])
    with pytest.raises(BenchError, match="--budget 25,30,35,40,45,50"):
        curve(family([make_cell()]))


def test_panels_show_the_photograph_what_became_of_it_and_the_difference(plugin: Path, tmp_path: Path) -> None:
    from benchbench_stega.fade import Fade
    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift

    from benchbench.contracts.profile import load_profile
    from benchbench.records.cache import Cache
    from benchbench.studies.pictures import craft_some, panels, spectra

    source = Colors(size=64)
    album: Any = source.open(tmp_path)
    setup = source.facts(tmp_path).setup(load_profile("smoke"), 0)
    cpu = torch.device("cpu")
    made = craft_some(Fade(), album, setup, Cache(tmp_path), [0, 4], cpu)
    figure = panels(made, album.camera_models, "fade", gain=4)
    pictures = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert len(pictures) == 2 * (1 + 2 + 2)
    assert np.array_equal(pictures[0], album.photos("test").images[0])
    assert np.array_equal(pictures[1], (made[0].y[0].permute(1, 2, 0) * 255).round().numpy())
    change = 127.5 + 4 * 255 * (made[0].y[0] - made[0].x[0]).permute(1, 2, 0).numpy()
    assert np.abs(np.clip(change, 0, 255) - pictures[3]).max() <= 1
    assert len(spectra(made, album, "fade").axes) == 2 * (1 + 3)
    with pytest.raises(BenchError, match=r"there is no test photograph 99; there are 15"):
        craft_some(Fade(), album, setup, Cache(tmp_path), [99], cpu)
    with pytest.raises(BenchError, match=r"has not been trained yet; bench run --attack shift"):
        craft_some(Shift(), album, setup, Cache(tmp_path), [0], cpu)
