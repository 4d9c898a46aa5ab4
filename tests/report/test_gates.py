"""Each gate passes on honest cells and fails on the fault that it is there for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbench.metrics.rates import changed_images
from benchbench.records.cell import Cell
from benchbench.records.column import Column
from benchbench.report import DatasetSummary, ModelCounts
from benchbench.report.gates import gates
from benchbench.report.groups import groups
from benchbench.report.paper import Gate

MakeCell = Callable[..., Cell]


def check(cells: list[Cell], key: str, summary: DatasetSummary | None = None) -> Gate:
    (group,) = groups(cells)
    return next(gate for gate in gates(group, summary) if gate.key == key)


def craft(cell: Cell, **changes: Any) -> Cell:
    return cell.model_copy(update={"craft": cell.craft.model_copy(update=changes)})


def own(cell: Cell, share: float) -> Cell:
    """Set the success on the attack's own evaluator."""
    images = [a + b for a, b in zip(changed_images(cell), cell.craft.identical, strict=True)]
    return craft(cell, surrogate_hits=tuple(round(share * n) for n in images))


def as_clean(cell: Cell) -> Cell:
    """Give identity's outcomes: each photograph is predicted as it was before, whatever class is wanted."""
    labels = np.concatenate([np.repeat(np.arange(cell.target.classes), row) for row in cell.target.clean])
    return predicts(cell, [int(labels[i]) for i in cell.craft.trials.photograph])


def predicts(cell: Cell, classes: list[int]) -> Cell:
    return cell.model_copy(update={"outcomes": {"predicted": Column(classes)}})


@pytest.mark.parametrize(("pgd", "fgsm", "passed"), [(0.9, 0.7, True), (0.6, 0.7, False)])
def test_pgd_against_fgsm(make_cell: MakeCell, pgd: float, fgsm: float, passed: bool) -> None:
    gate = check([own(make_cell("pgd"), pgd), own(make_cell("fgsm"), fgsm)], "pgd")
    assert gate.passed is passed and gate.figures == f"in {100 * pgd:.1f} % against {100 * fgsm:.1f} %"
    assert check([own(make_cell("pgd"), pgd)], "pgd").passed is None


def test_an_attack_that_fools_targets_more_than_its_own_evaluator(make_cell: MakeCell) -> None:
    assert check([own(make_cell(tsr=0.5), 0.6)], "transfer").passed
    gate = check([own(make_cell(tsr=0.5), 0.4)], "transfer")
    assert gate.passed is False and gate.figures == "Cama in 40.0 %, targets 50.0 %"
    mistaken = make_cell("identity", control=True, psnr=None, tsr=0.2)
    assert check([own(make_cell(tsr=0.5), 0.4), mistaken], "transfer").passed, "a fifth is the target's own mistake"
    assert check([own(make_cell(tsr=0.5), 0.1), mistaken], "transfer").passed is False
    partial = make_cell(tsr=0.5, target="resnet18/rgb/partial")
    assert check([own(partial, 0.4)], "transfer").passed is None
    assert check([own(make_cell(tsr=0.5, condition="jpeg-75"), 0.4)], "transfer").passed is None


def test_identity_must_score_what_clean_predictions_imply(make_cell: MakeCell) -> None:
    honest = as_clean(make_cell("identity", control=True, psnr=None))
    assert check([honest], "identity").passed
    first, *others = honest.outcomes["predicted"]
    gate = check([predicts(honest, [(first + 1) % 6, *others])], "identity")
    assert gate.passed is False and "resnet18/rgb/complete (in)" in gate.figures
    assert check([make_cell("identity", control=True, condition="jpeg-75")], "identity").passed is None


def one_wanted(cell: Cell) -> Cell:
    """Leave each photograph one trial of its own, with the models wanted in turn, as the profile `quick` has it."""
    trials = cell.craft.trials
    kept = [k for k, photograph in enumerate(trials.photograph) if k % 5 == photograph % 5]
    assert sorted(trials.photograph[k] for k in kept) == sorted(set(trials.photograph))
    fewer = trials.model_copy(
        update={name: tuple(getattr(trials, name)[k] for k in kept) for name in ("photograph", "wanted")}
    )
    return craft(cell, trials=fewer).model_copy(
        update={
            "protocol": cell.protocol | {"wanted": 1},
            "outcomes": {"predicted": Column(cell.outcomes["predicted"][k] for k in kept)},
        }
    )


def test_identity_where_one_model_is_wanted_of_each_photograph(make_cell: MakeCell) -> None:
    honest = one_wanted(as_clean(make_cell("identity", control=True, psnr=None)))
    assert check([honest], "identity").passed
    first, *others = honest.outcomes["predicted"]
    assert check([predicts(honest, [(first + 1) % 6, *others])], "identity").passed is False


@pytest.mark.parametrize(("tsr", "passed"), [(0.19, True), (0.3, False)])
def test_noise_is_near_chance(make_cell: MakeCell, tsr: float, passed: bool) -> None:
    assert check([make_cell("noise", control=True, tsr=tsr)], "noise").passed is passed


def test_target_calls(make_cell: MakeCell) -> None:
    cell = make_cell()
    assert check([cell], "calls").passed
    assert check([craft(cell, target_calls=3)], "calls").passed is False
    white = craft(cell, target_calls=3)
    white = white.model_copy(update={"attack": white.attack.model_copy(update={"knowledge": "white-box"})})
    assert check([white], "calls").passed


def test_unchanged_photographs(make_cell: MakeCell) -> None:
    assert check([make_cell()], "changed").passed
    gate = check([make_cell(psnr=None)], "changed")
    assert gate.passed is False and gate.figures == "Cama left 100.0 % as they were"
    assert check([make_cell("identity", control=True, psnr=None)], "changed").passed is None


@pytest.mark.parametrize(("shared", "passed"), [(0, True), (2, False)])
def test_disjoint(make_cell: MakeCell, shared: int, passed: bool) -> None:
    summary = DatasetSummary(
        name="virtual",
        data_id="d" * 32,
        camera_models=("A",),
        known=1,
        size=256,
        counts=(ModelCounts(y=1, camera_model="A", q=1, p=1, test=1),),
        shared={"pictures": shared, "devices": 0, "scenes": None},
    )
    gate = check([make_cell()], "disjoint", summary)
    assert gate.passed is passed
    assert gate.figures == f"shared: {shared or 'no'} pictures, no devices; not judged: scenes"
    assert check([make_cell()], "disjoint", None).passed is None


def test_shared_pictures_and_devices_are_found_in_the_pixels(plugin: Path) -> None:

    from benchbench_stega.photographs import Colors, Pictures

    from benchbench.harness.dataset_summary import shared_with_test

    album: Any = Colors().open(Path())
    assert shared_with_test(album) == {"pictures": 0, "devices": 0, "scenes": None}
    honest = type(album).photos

    class Leaky(type(album)):  # type: ignore[misc]
        def photos(self, role: str, part: str = "all", known_only: bool = False) -> Pictures:
            found = honest(self, role, part, known_only)
            if role == "test":
                found.images[0] = honest(self, "p").images[4]
                found.device[:2] = 1
            return found

    leaky = Leaky(album.data_id, album.known, album.size, album.each)
    assert shared_with_test(leaky) == {"pictures": 1, "devices": 1, "scenes": None}


def limit(make_cell: MakeCell, tsr: float, **more: Any) -> Cell:
    """Return a cell of an attack that knows the scene."""
    settings = {"params": {"psnr": 35.0}, "title": "seer"} | more
    return make_cell("seer", tsr=tsr, control=True, knowledge="oracle", **settings)


@pytest.mark.parametrize(("tsr", "passed"), [(0.75, True), (0.65, False)])
def test_photographs_that_leave_attacks_no_room(make_cell: MakeCell, tsr: float, passed: bool) -> None:
    cells = [limit(make_cell, tsr - 0.1), limit(make_cell, tsr + 0.1, split="out", usr=0.95), make_cell()]
    gate = check(cells, "limit")
    assert gate.passed is passed
    assert gate.figures.startswith(f"seer (limit) {100 * tsr:.1f} % [") and gate.figures.endswith("mean of 1 targets")
    # It is a control that hits what it wants; the gate of noise does not mean it.
    assert check(cells, "noise").passed is None


def test_a_limit_that_was_not_run_is_missing(make_cell: MakeCell) -> None:
    for cells in ([make_cell()], [make_cell(), limit(make_cell, 0.9, params={"psnr": 28.0})]):
        gate = check(cells, "limit")
        assert gate.passed is None and gate.word == "not checked"
        assert gate.figures == "no attack that knows the scene has been run at 35 dB"
