"""SiamTE's tables and claims: the paper's own figures, and cells whose numbers are known by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchbench.evaluate.tasks.clustering import MULTIPLES, columns_of
from benchbench.evaluate.tasks.vote import COLUMNS
from benchbench.records.cell import Cell, MeasurePart
from benchbench.records.column import Column
from benchbench.report.catalog import table
from benchbench.report.erasing import places
from benchbench.report.groups import Group, groups
from benchbench.report.papers.siamte2020.claims import CLAIMS, claims_table, theirs
from benchbench.report.papers.siamte2020.methods import ABLATION, BY_KEY, METHODS, clustered, figure, figures, found
from benchbench.report.papers.siamte2020.tables import classification_table, clustering_table, devices_table

MakeCell = Callable[..., Cell]
WHOLE = {"similarity": True, "fidelity": True, "identity": True, "fidelity_weight": 1000, "strength": 1}


def voted(make_cell: MakeCell, attack: str, backbone: str, accuracy: float, l1: float, params: Any = None) -> Cell:
    base = make_cell(attack, "a/b/complete", "in", params=params, control=attack == "identity")
    photograph = np.array(base.craft.trials.photograph)
    true = np.array(base.split.true)[photograph]
    named = Column(int(v) for v in np.where(photograph % 100 < round(100 * accuracy), true, (true + 1) % 6))
    trials = len(photograph)
    measures = {"psnr": base.craft.measures["psnr"]} | {
        name: MeasurePart(sums=(value * 500,) * 6, images=(500,) * 6, values=Column((value,) * trials))
        for name, value in (("l1", l1), ("niqe", 10 * l1))
    }
    return base.model_copy(
        update={
            "target": base.target.model_copy(update={"name": f"vote/{backbone}", "task": "vote", "clean": ()}),
            "outcomes": dict.fromkeys(COLUMNS, named),
            "craft": base.craft.model_copy(update={"measures": measures}),
        }
    )


def some(make_cell: MakeCell) -> list[Cell]:
    cells = []
    for backbone in ("resnet50", "densenet201"):
        cells += [
            voted(make_cell, "siamte", backbone, 0.2, 2.0, WHOLE),
            voted(make_cell, "siamte", backbone, 0.1, 2.0, WHOLE | {"identity": False}),
            voted(make_cell, "siamte", backbone, 0.6, 1.0, WHOLE | {"strength": 0.5}),
            voted(make_cell, "median-3", backbone, 0.7, 2.2),
            voted(make_cell, "identity", backbone, 1.0, 0.0),
        ]
    return cells


def test_the_papers_figures_are_read() -> None:
    assert figure("classification", "siamte", "acc_resnet50") == 20.42
    assert figure("clustering", "mf5", "d201_k90_sd") == 0.76
    assert figure("verification_pce", "ori", "pce") == 1307.1
    assert figure("ablation", "no-fidelity", "l1") == 17.724
    assert theirs("siamte", "vote") == pytest.approx((20.42 + 28.11) / 200)
    assert theirs("ori", "trace") == pytest.approx(0.9321)
    assert {m.key for m in METHODS} - {"siamte-500"} == set(figures("classification"))


def test_the_paper_bears_what_it_says() -> None:
    """Its tables hold every sentence; the figures decide, not the text."""
    assert claims_table(Group("", "", "", "{}", {})) is None
    for claim in CLAIMS:
        first, second = theirs(*claim.first), theirs(*claim.second)
        assert first is not None and second is not None, claim.key
        gap = claim.factor * second - first
        assert claim.verdict(gap, gap) == "holds", claim.key


def test_variants_are_told_apart_by_their_parameters(make_cell: MakeCell) -> None:
    (group,) = groups(some(make_cell))
    whole = found(group, BY_KEY["siamte"])
    assert whole is not None and json.loads(whole[1])["strength"] == 1 and json.loads(whole[1])["identity"]
    bare = found(group, BY_KEY["no-identity"])
    assert bare is not None and not json.loads(bare[1])["identity"]
    assert found(group, ABLATION[1]) is None and found(group, BY_KEY["mf3"]) == ("median-3", "{}")


def test_table_1_has_means_and_deviations(make_cell: MakeCell) -> None:
    (group,) = groups(some(make_cell))
    table = classification_table(group, show_published=True)
    assert table.entry("siamte", "resnet50").value == pytest.approx(0.2)
    assert table.entry("siamte", "resnet50").published == (pytest.approx(0.2042), None)
    assert table.entry("siamte", "resnet50_sd").value == 0.0
    assert table.entry("siamte", "l1").value == pytest.approx(2.0)
    assert table.entry("gf5", "resnet50").value is None and table.entry("gf5", "resnet50").missing


def test_claims_are_decided_by_intervals(make_cell: MakeCell) -> None:
    (group,) = groups(some(make_cell))
    table = claims_table(group)
    assert table is not None
    verdicts = {row.key: row.entries[-1].value for row in table.rows}
    assert verdicts["siamte-mf3"] == "holds" and verdicts["identity"] == "holds"
    assert verdicts["quality"] == "not told apart", "both have the same NIQE"
    assert verdicts["siamte-gf3"] is None, "that filter was not run"
    difference = table.entry("siamte-mf3", "difference")
    assert difference.value == pytest.approx(-0.5) and difference.interval is not None


def test_devices_before_and_after(make_cell: MakeCell) -> None:
    base = make_cell("cama", "a/b/partial", "in")
    count = len(base.craft.trials.photograph)
    scores = {"pce": Column((5.0,) * count)} | {f"other_{k}": Column((1.0,) * count) for k in range(5)}
    cells = [
        base.model_copy(
            update={
                "target": base.target.model_copy(
                    update={
                        "name": f"verification/{of}",
                        "task": "verification",
                        "clean": (),
                        "unattacked": {"pce": Column((100.0, None, 300.0))},
                    }
                ),
                "outcomes": scores,
                "cell_id": of,
            }
        )
        for of in ("device", "sensor")
    ]
    (group,) = groups(cells)
    table = devices_table(group)
    assert table.entry("cama", "device_before").value == 200.0
    assert table.entry("cama", "sensor_after").value == pytest.approx(5.0)
    assert table.entry("cama", "others").value == pytest.approx(1.0)
    assert table.entry("cama", "escaped").value == pytest.approx(1.0)
    assert table.entry("cama", "auc").value == pytest.approx(1.0)


def test_a_table_asked_by_name_is_of_the_cells_that_the_paper_speaks_of(all_papers: None, make_cell: MakeCell) -> None:
    """Other conditions have cells of classification alone: their tables would be empty."""
    plain = make_cell("cama", "a/b/complete", "in")
    other = plain.model_copy(update={"protocol": dict(plain.protocol) | {"condition": "float"}})
    assert {cell.protocol["condition"] for cell in (plain, other)} == {"float", "uint8"}
    (made,) = table("siamte-1", [other, *some(make_cell)])
    assert any("condition uint8" in sentence for sentence in made.caption)
    assert len(table("siamte-1", [plain, other])) == 2, "where there is none of any, each says so"
    for number in ("erasing", "tasks"):
        (made,) = table(number, [other, *some(make_cell)])
        assert made.rows and any("condition uint8" in sentence for sentence in made.caption)
    assert [t.number for t in table("siamte2020", [other, *some(make_cell)])].count("siamte-devices") == 1


def test_captions_explain_the_columns_that_there_are(make_cell: MakeCell) -> None:
    (group,) = groups(some(make_cell))
    for made in (classification_table(group, show_published=False), devices_table(group)):
        told = any("NIQE" in sentence for sentence in made.caption)
        assert told == any(column.key == "niqe" for column in made.columns), made.number


def clustered_cell(make_cell: MakeCell, split: str, accuracy: float) -> Cell:
    """A cell of clustering in which so many photographs lie in a cluster of their model's name."""
    base = voted(make_cell, "median-3", "resnet50", accuracy, 2.0)
    named = base.outcomes[COLUMNS[0]]
    return base.model_copy(
        update={
            "cell_id": split,
            "split": base.split.model_copy(update={"name": split}),
            "target": base.target.model_copy(update={"name": "clustering/resnet50", "task": "clustering"}),
            "outcomes": {name: named for m in MULTIPLES for name in columns_of(m)},
        }
    )


def test_thirty_models_are_clustered_where_they_were_run(all_papers: None, make_cell: MakeCell) -> None:
    """As many as in the paper; the ranking's splits stay the same whatever else was run."""
    out, unseen = (clustered_cell(make_cell, split, share) for split, share in (("out", 0.9), ("unseen", 0.4)))
    (few,), (many,) = groups([out]), groups([out, unseen])
    assert clustered(few) == "out" and clustered(many) == "unseen"
    for group, share in ((few, 0.9), (many, 0.4)):
        made = clustering_table(group, show_published=False)
        assert made.entry("mf3", "resnet50_2n").value == pytest.approx(share)
        assert 0.2 < made.entry("chance", "densenet201_1n").value < 0.4 and made.entry("chance", "niqe").value == ""
    assert [split for _, split, _ in places(many)] == ["out"]
