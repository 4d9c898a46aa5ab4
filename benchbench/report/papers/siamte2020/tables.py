"""Tables 1 to 4, and what the paper does not ask: the device behind a photograph before and after each attack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from benchbench.contracts.task import TASKS, Metric
from benchbench.evaluate.tasks.clustering import MULTIPLES, chance, clustering_accuracies
from benchbench.evaluate.tasks.vote import accuracies
from benchbench.metrics import intervals
from benchbench.metrics.samples import value_of
from benchbench.records.cell import Cell
from benchbench.report import captions
from benchbench.report.comparisons import NOT_MEASURED, measure_texts
from benchbench.report.erasing import NOT_DEFINED, Place, change, judged
from benchbench.report.groups import Group
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.report.papers.siamte2020.methods import (
    ABLATION,
    BACKBONES,
    METHODS,
    Method,
    cells_of,
    clustered,
    figure,
)

CHANGE = (Column("niqe", "NIQE", "number"), Column("l1", "L1", "number"))
THEIRS = (
    "Ours / paper. The paper's figures are of real cameras (KCMI-550, VISION-1500), larger networks and another model"
    " of NIQE: they show a shape, not a reference value."
)
VERIFIED = ("siamte", "siamte-500", "ori", "mf3", "gf3", "cp50", "ad2", "db", "dn-i", "dn-e")


def _published(value: float | None, rate: bool) -> tuple[float | None, None] | None:
    return (None if value is None else value / 100 if rate else value, None)


def _with_sd(
    cell: Cell | None, metric: Metric, each: Callable[[Cell], tuple[float, ...]], theirs: Sequence[float | None] | None
) -> list[Entry]:
    """Return the entries of a mean and of the standard deviation over its repetitions."""
    papers = [_published(value, rate=True) for value in theirs] if theirs is not None else [None, None]
    if cell is None:
        return [Entry(None, captions.NO_CELL, published=one) for one in papers]
    values = each(cell)
    if not values:
        return [Entry(None, NOT_DEFINED, published=one) for one in papers]
    found = intervals.metric_interval([cell], metric)
    between = (found.low, found.high) if found is not None else None
    sd = float(np.std(values, ddof=1))
    return [Entry(float(np.mean(values)), interval=between, published=papers[0]), Entry(sd, published=papers[1])]


def _change(cells: Mapping[Place, Cell], split: str, theirs: Callable[[str], float | None] | None) -> list[Entry]:
    there = [cell for (_, s), cell in cells.items() if s == split]
    return [
        Entry(
            change(there, name),
            NOT_MEASURED if there else captions.NO_CELL,
            published=_published(theirs(name), rate=False) if theirs is not None else None,
        )
        for name in ("niqe", "l1")
    ]


def _table(
    number: str,
    title: str,
    what: str,
    group: Group,
    split: str,
    show_published: bool,
    measures: tuple[str, ...] = ("niqe", "l1"),
) -> Table:
    return Table(
        number=number,
        title=title,
        caption=(
            what,
            *measure_texts(measures),
            captions.setting(group),
            _judged_images(group, split),
            *((THEIRS,) if show_published else ()),
            captions.command(number, group, show_published),
        ),
        corner="Method",
        columns=(),
        rows=(),
        remarks=captions.left_out(group),
        published=show_published,
        facts=group.facts,
    )


def _judged_images(group: Group, split: str) -> str:
    return captions.images(replace(group, cells=group.of_cameras.others), split)


def _votes(group: Group, method: Method, file: str, columns: Sequence[str], show_published: bool) -> list[Entry]:
    metric = TASKS.create("vote").metrics[0]
    cells = cells_of(group, method)
    entries = []
    for backbone, column in zip(BACKBONES, columns, strict=True):
        theirs = [figure(file, method.key, name) for name in (column, f"{column}_sd")] if show_published else None
        entries += _with_sd(cells.get((f"vote/{backbone}", "in")), metric, lambda c: accuracies(c.judged), theirs)
    shown = (lambda name: figure(file, method.key, name)) if show_published else None
    return entries + _change(cells, "in", shown)


def _vote_columns() -> tuple[Column, ...]:
    columns: list[Column] = []
    for backbone, title in BACKBONES.items():
        columns += [Column(backbone, title, better="lower"), Column(f"{backbone}_sd", "sd")]
    return (*columns, *CHANGE)


def classification_table(group: Group, *, show_published: bool) -> Table:
    """Build table 1: how often four crops elect the true camera model."""
    what = (
        "Accuracy in percent of the vote of four random crops, mean and standard deviation of ten draws, lower is "
        "better."
    )
    columns = ("acc_resnet50", "acc_densenet201")
    rows = [
        Row(
            m.key,
            m.label,
            tuple(_votes(group, m, "classification", columns, show_published)),
            ranked=m.attack != "identity",
        )
        for m in METHODS
    ]
    made = _table("siamte-1", "Classification by vote", what, group, "in", show_published)
    return replace(made, columns=_vote_columns(), rows=tuple(rows))


def ablation_table(group: Group, *, show_published: bool) -> Table:
    """Build table 4: SiamTE without each of its terms."""
    what = "What each term of the hybrid loss gives: accuracy of the vote as in table 1, NIQE and L1."
    columns = tuple(BACKBONES)
    rows = [Row(m.key, m.label, tuple(_votes(group, m, "ablation", columns, show_published))) for m in ABLATION]
    made = _table("siamte-4", "Ablation of the hybrid loss", what, group, "in", show_published)
    return replace(made, columns=_vote_columns(), rows=tuple(rows))


def clustering_table(group: Group, *, show_published: bool) -> Table:
    """Build table 2: K-means over features of photographs of camera models that nothing was trained on."""
    split = clustered(group)
    count = max((len(cell.split.classes) for cell in group.of_cameras.others if cell.split.name == split), default=0)
    models = f"{count} camera models" if count else "camera models"
    what = (
        f"Accuracy in percent of K-means over features of random crops, K = n, 2n and 3n for n = {models} that "
        "neither attacker nor examiner knows; mean and standard deviation of ten starts. The last row is what "
        "photographs give that fall at random into clusters of about one size. Adversarial dithering has no place in "
        "the paper's table: it needs true labels."
    )
    short = {"resnet50": "r50", "densenet201": "d201"}
    metrics = TASKS.create("clustering").metrics
    columns: list[Column] = []
    for backbone, title in BACKBONES.items():
        for m in MULTIPLES:
            times = f"K = {m if m > 1 else ''}n"
            columns += [Column(f"{backbone}_{m}n", f"{title} {times}", better="lower")]
            columns += [Column(f"{backbone}_{m}n_sd", "sd")]
    rows = []
    for method in METHODS:
        cells = cells_of(group, method)
        entries: list[Entry] = []
        for backbone in BACKBONES:
            for m, metric in zip(MULTIPLES, metrics, strict=True):
                name = f"{short[backbone]}_k{30 * m}"
                theirs = [figure("clustering", method.key, k) for k in (name, f"{name}_sd")] if show_published else None
                cell = cells.get((f"clustering/{backbone}", split))
                entries += _with_sd(cell, metric, lambda c, m=m: clustering_accuracies(c.judged, m), theirs)  # type: ignore[misc]
        shown = (lambda name, k=method.key: figure("clustering", k, name)) if show_published else None
        entries += _change(cells, split, shown)
        rows.append(Row(method.key, method.label, tuple(entries), ranked=method.attack != "identity"))
    rows.append(_chance(group, split))
    made = _table("siamte-2", "Clustering", what, group, split, show_published)
    return replace(made, columns=(*columns, *CHANGE), rows=tuple(rows))


def _chance(group: Group, split: str) -> Row:
    """Return the row of what clusters give that have nothing to do with camera models."""
    true = next((cell.split.true for cell in group.of_cameras.others if cell.split.name == split), ())
    counts = tuple(sorted(Counter(true).values()))
    found = [Entry(chance(counts, m * len(counts)) if counts else None, captions.NO_CELL) for m in MULTIPLES]
    of_each = [entry for m in found for entry in (m, Entry(""))]
    return Row("chance", "at random", (*of_each, *of_each, Entry(""), Entry("")), ranked=False)


def metric_entry(cell: Cell | None, key: str) -> Entry:
    """Return a metric of the task verification with its interval."""
    if cell is None:
        return Entry(None, captions.NO_CELL)
    metric = TASKS.create("verification").metric(key)
    value = value_of(cell, metric)
    if value is None:
        return Entry(None, NOT_DEFINED)
    found = intervals.metric_interval([cell], metric)
    return Entry(value, interval=(found.low, found.high) if found is not None else None)


def verification_table(group: Group, *, show_published: bool) -> Table:
    """Build table 3: the peak-to-correlation energy that is left."""
    what = (
        "Mean peak-to-correlation energy (PCE) of photographs with the fingerprint of their device, as in the paper, "
        "whose fingerprints are of the very devices that it tests; beside it with that of their camera model, of other "
        "devices, which is what is left without the device."
    )
    columns = [
        Column(f"{of}_{split}", f"{of} {split}", "number", better="lower")
        for of in ("device", "model")
        for split in ("in", "out")
    ]
    rows = []
    for method in METHODS:
        if method.key not in VERIFIED:
            continue
        cells = cells_of(group, method)
        entries = [
            metric_entry(cells.get((f"verification/{of}", s)), "pce")
            for of in ("device", "model")
            for s in ("in", "out")
        ]
        if show_published:
            entries[0] = replace(
                entries[0], published=_published(figure("verification_pce", method.key, "pce"), rate=False)
            )
        shown = (lambda name, k=method.key: figure("verification_pce", k, name)) if show_published else None
        entries += _change(cells, "in", shown)
        rows.append(Row(method.key, method.label, tuple(entries), ranked=method.attack != "identity"))
    made = _table("siamte-3", "Verification", what, group, "in", show_published)
    return replace(made, columns=(*columns, *CHANGE), rows=tuple(rows))


def _before(cell: Cell | None) -> Entry:
    """Return the mean PCE of the unattacked photographs."""
    if cell is None:
        return Entry(None, captions.NO_CELL)
    known = [v for v in cell.target.unattacked.get("pce", ()) if v is not None]
    return Entry(float(np.mean(known)), "") if known else Entry(None, NOT_DEFINED)


def devices_table(group: Group) -> Table:
    """Build the table that only virtual cameras can fill: is the device hidden by attacks, of whatever goal?"""
    what = (
        "Mean peak-to-correlation energy of photographs before and after each attack: with the true PRNU of the sensor "
        "that took them, which virtual cameras can tell, and with the fingerprint that an examiner estimates of the "
        "device; that of other devices (the mean of five); how often the device's stays below 60, its area under the "
        "ROC curve against the others and its equal error rate."
    )
    columns = (
        Column("sensor_before", "sensor before", "number"),
        Column("sensor_after", "sensor after", "number", better="lower"),
        Column("device_before", "device before", "number"),
        Column("device_after", "device after", "number", better="lower"),
        Column("others", "others after", "number"),
        Column("escaped", "not verified", better="higher"),
        Column("auc", "AUC", "number", better="lower"),
        Column("eer", "EER", "number", better="higher"),
    )
    rows = []
    found = judged(group)
    for split in ("in", "out"):
        for attack in group.of_cameras.judged_attacks:
            mine = found[attack.name, attack.params]
            sensor, device = (mine.get((f"verification/{of}", split)) for of in ("sensor", "device"))
            if sensor is None and device is None:
                continue
            entries = (
                _before(sensor),
                metric_entry(sensor, "pce"),
                _before(device),
                *(metric_entry(device, key) for key in ("pce", "others", "escaped", "auc", "eer")),
            )
            rows.append(Row(attack.key, attack.label, entries, block=split, ranked=not attack.control))
    return replace(
        _table("siamte-devices", "The device before and after", what, group, "in", show_published=False, measures=()),
        columns=columns,
        rows=tuple(rows),
        corner="Attack",
        block_title="Split",
    )
