"""The leaderboard of what erases: means by hand, ranks at equal change, and forging kept apart."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchbench.evaluate.tasks.vote import COLUMNS
from benchbench.records.cell import Cell, MeasurePart
from benchbench.records.column import Column
from benchbench.report import paper
from benchbench.report.catalog import shown
from benchbench.report.erasing import erasing_csv, erasing_table
from benchbench.report.frames import cells_frame
from benchbench.report.groups import groups
from benchbench.report.leaderboard import cells_csv, leaderboard_csv
from benchbench.report.page import page

MakeCell = Callable[..., Cell]


@pytest.fixture(autouse=True)
def two_examiners(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench.report import erasing

    monkeypatch.setattr(erasing, "examiners", lambda: ("vote/one", "vote/two"))


def voted(make_cell: MakeCell, attack: str, target: str, accuracy: float, l1: float = 2.0, **kind: Any) -> Cell:
    """Return a cell of the task vote in which this share of each model's photographs is named correctly."""
    goal = kind.pop("goal", "erase")
    base = make_cell(attack, "a/b/complete", "in", control=kind.get("control", False))
    photograph = np.array(base.craft.trials.photograph)
    true = np.array(base.split.true)[photograph]
    right = photograph % 100 < round(100 * accuracy)  # 100 photographs a model
    named = Column(int(v) for v in np.where(right, true, (true + 1) % 6))
    measures = {**base.craft.measures, "l1": MeasurePart(sums=(l1 * 500,) * 6, images=(500,) * 6)}
    return base.model_copy(
        update={
            "attack": base.attack.model_copy(update={"goal": goal}),
            "target": base.target.model_copy(update={"name": target, "task": "vote", "clean": ()}),
            "outcomes": {name: named for name in COLUMNS},
            "craft": base.craft.model_copy(update={"measures": measures, "craft_id": f"{attack}-{l1}"}),
            "cell_id": f"{attack}-{target}",
        }
    )


def some(make_cell: MakeCell) -> list[Cell]:
    cells = []
    for attack, accuracy, l1 in (("strong", 0.2, 2.0), ("weak", 0.8, 2.0), ("loud", 0.05, 8.0), ("quiet", 0.5, 1.0)):
        cells += [voted(make_cell, attack, f"vote/{name}", accuracy, l1) for name in ("one", "two")]
    cells += [voted(make_cell, "forger", f"vote/{name}", 0.0, goal="forge") for name in ("one", "two")]
    cells += [
        voted(make_cell, "identity", f"vote/{name}", 1.0, 0.0, goal="forge", control=True) for name in ("one", "two")
    ]
    return cells


def test_less_accuracy_ranks_first_at_equal_change(make_cell: MakeCell) -> None:
    (group,) = groups(some(make_cell))
    table = erasing_table(group)
    assert [row.key for row in table.rows] == ["loud", "strong", "quiet", "weak", "forger", "identity"]
    assert table.entry("strong", "accuracy").value == pytest.approx(0.2)
    low, high = table.entry("strong", "accuracy").interval or (1.0, 0.0)
    assert low < 0.2 < high
    ranks = {row.key: row.entries[0].value for row in table.rows}
    # Behind 'weak' stand in accuracy all others, and none of them but 'loud' changes more; 'loud' costs nobody a rank.
    assert ranks == {"loud": 1, "strong": 1, "quiet": 1, "weak": 3, "forger": None, "identity": None}


def test_a_missing_examiner_is_no_mean_of_the_rest(make_cell: MakeCell) -> None:
    cells = [c for c in some(make_cell) if (c.attack.name, c.target.name) != ("strong", "vote/two")]
    (group,) = groups(cells)
    entry = erasing_table(group).entry("strong", "accuracy")
    assert entry.value is None and entry.missing


def test_erasers_are_in_no_table_of_forging_and_forgers_keep_theirs(make_cell: MakeCell) -> None:
    eraser = make_cell("eraser", "resnet18/rgb/complete", tsr=0.9)
    eraser = eraser.model_copy(update={"attack": eraser.attack.model_copy(update={"goal": "erase"})})
    cells = [make_cell("cama"), eraser, *some(make_cell)]
    assert [row["attack"] for row in csv.DictReader(io.StringIO(leaderboard_csv(cells)))] == ["cama"]
    tidy = {row["attack"]: row for row in csv.DictReader(io.StringIO(cells_csv([cells[0], eraser])))}
    assert tidy["eraser"]["goal"] == "erase" and tidy["eraser"]["tsr"] == "" and tidy["eraser"]["usr"] != ""
    assert tidy["cama"]["tsr"] != ""


def detected(make_cell: MakeCell, attack: str) -> Cell:
    """Return a cell of the task detection, of a craft of its own that has no NIQE."""
    base = voted(make_cell, attack, "vote/one", 0.5)
    count = len(base.judged.true)
    outcomes = {"synthetic": Column([0] * count), "score": Column([0.0] * count), "rank": Column([0.5] * count)}
    return base.model_copy(
        update={
            "target": base.target.model_copy(update={"name": "xception/detector", "task": "detection"}),
            "outcomes": outcomes,
            "craft": base.craft.model_copy(update={"craft_id": f"{attack} for detectors"}),
            "cell_id": f"{attack} detected",
        }
    )


def test_whether_there_was_a_camera_is_no_question_of_erasing(make_cell: MakeCell, all_papers: None) -> None:
    """Cells of detectors are among other tasks, and move nothing of what erases."""
    niqe = MeasurePart(sums=(2000.0,) * 6, images=(500,) * 6)
    erased = [
        c.model_copy(update={"craft": c.craft.model_copy(update={"measures": {**c.craft.measures, "niqe": niqe}})})
        for c in some(make_cell)
    ]
    (alone,) = groups(erased)
    (both,) = groups([*erased, detected(make_cell, "strong"), detected(make_cell, "spoc")])
    assert len(both.others) == len(alone.others) + 2
    assert erasing_table(both).rows == erasing_table(alone).rows
    assert erasing_table(both).entry("strong", "niqe_in").value == pytest.approx(4.0)
    (only,) = groups([make_cell("cama"), detected(make_cell, "spoc")])
    assert "tasks" in shown(only) and not {"erasing", "siamte-1"} & set(shown(only))
    assert {"tasks", "erasing", "siamte-1"} <= set(shown(both))
    assert erasing_csv([detected(make_cell, "spoc")]).splitlines()[1:] == []


def test_a_cell_of_another_task_has_that_task_and_its_metrics(make_cell: MakeCell) -> None:
    cells = [make_cell("cama"), *some(make_cell)]
    tidy = list(csv.DictReader(io.StringIO(cells_csv(cells))))
    found = {row["attack"]: (row["task"], row["vote_accuracy"], row["tsr"] != "") for row in tidy}
    assert found["cama"] == ("classification", "", True)
    assert found["weak"][0] == "vote" and float(found["weak"][1]) == pytest.approx(0.8) and not found["weak"][2]
    assert list(tidy[0])[-1] == "vote_accuracy" and set(found["cama"][:2]) == {"classification", ""}
    frame = cells_frame(cells)
    assert frame.loc[frame["attack"] == "strong", "vote_accuracy"].tolist() == pytest.approx([0.2, 0.2])


def test_the_page_has_a_tab_and_the_file_a_row_an_attack(make_cell: MakeCell) -> None:
    cells = some(make_cell)
    rows = {row["attack"]: row for row in csv.DictReader(io.StringIO(erasing_csv(cells)))}
    assert float(rows["weak"]["accuracy"]) == pytest.approx(0.8) and rows["weak"]["rank"] == "3"
    assert float(rows["strong"]["l1_in"]) == pytest.approx(2.0)
    (group,) = groups(cells)
    text = page([(group, None)])
    assert 'id="tab-erase"' in text and 'id="goal-erase"' in text
    (body,) = re.findall(r'<script type="application/json" class="group">(.*?)</script>', text, re.DOTALL)
    board = json.loads(body)["erasing"]
    assert board["rows"][0]["label"] == "Loud" and board["columns"][:2] == ["Rank", "Accuracy"]


def test_papers_name_the_examiners() -> None:
    assert set(paper.examiners()) <= {f"{t}/{b}" for t in ("vote", "clustering") for b in ("resnet50", "densenet201")}


def test_a_curve_is_of_one_attack_whose_numbers_alone_differ(make_cell: MakeCell) -> None:
    """What is trained with another switch is another curve, named by it."""
    from benchbench.report.figures import erasing_curves

    kinds = (
        ({"strength": 1.0, "term": True, "weight": 5}, 2.0, 0.2),
        ({"strength": 0.5, "term": True, "weight": 5}, 1.0, 0.6),
        ({"strength": 1.0, "term": False, "weight": 5}, 9.0, 0.1),
    )
    cells = []
    for params, l1, accuracy in kinds:
        for name in ("one", "two"):
            cell = voted(make_cell, "eraser", f"vote/{name}", accuracy, l1)
            attack = cell.attack.model_copy(update={"params": params})
            cells.append(cell.model_copy(update={"attack": attack, "cell_id": f"{params}-{name}"}))
    (group,) = groups(cells)
    drawn = {name: [x for x, _ in points] for name, points in erasing_curves(group).items()}
    assert drawn == {"eraser": [1.0, 2.0], "eraser [term=false]": [9.0]}
