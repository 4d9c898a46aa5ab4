"""Tables 1 to 6."""

from __future__ import annotations

from benchbench.contracts.task import TASKS
from benchbench.metrics import intervals, rates
from benchbench.metrics.quantiles import normal_quantile
from benchbench.metrics.samples import value_of
from benchbench.records.cell import Cell
from benchbench.report import captions
from benchbench.report.entries import entry
from benchbench.report.groups import Group, mean, mean_or_none
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.report.papers.spoc2019 import published
from benchbench.report.papers.spoc2019.cells import METHODS, OFF, SYNTHETIC, candidates, detector, network, place
from benchbench.report.papers.spoc2019.published import CLASSIFIERS, DETECTORS

TITLES = {"tuama2016": "Tuama2016", "bondi2017": "Bondi2017", "xception": "Xception", "inceptionv3": "Incept.V3"}
BUILT_ON = {"bondi2017": "Bondi2017", "xception": "Xception", "ensemble": "Ensemble of the other three", "none": "-"}
SPLIT_OF = {"1": SYNTHETIC, "2": OFF, "4": SYNTHETIC, "5": SYNTHETIC, "6": OFF}
METRICS = ("tpr", "tpr5", "auc")
CONDITIONS = {"uint8": "uncompressed", "jpeg-target": "jpeg"}
"""What the paper calls ours."""
SEVERAL = "the attack was run with several sets of parameters"


def compared(group: Group, number: str) -> str:
    """Return the paper's condition that a table's cells stand beside; '' where it has no figures for ours.

    It compresses pictures in table 4 alone, and rescales none.
    """
    theirs = CONDITIONS.get(group.condition, "") if group.track == "native" else ""
    return theirs if number == "4" or theirs == "uncompressed" else ""


def detectors_table(number: str, group: Group, *, show_published: bool) -> Table:
    """Build table 1 (generators of the training set) or 2 (others): what detectors find before and after SpoC."""
    split = SPLIT_OF[number]
    metrics = [TASKS.create("detection").metric(key) for key in METRICS]
    columns = tuple(Column(f"{name}_{m.key}", f"{name.capitalize()} {m.title}") for name in DETECTORS for m in metrics)
    rows = []
    for when, label, method in (("before", "before attack", None), ("after", "after SpoC", "spoc")):
        entries = []
        for name in DETECTORS:
            cell = detector(group, split, name, method)
            for metric in metrics:
                given = show_published and metric.key == "tpr" and compared(group, number)
                shown = (published.detected()[number, when, name], None) if given else None
                if cell is None:
                    entries.append(Entry(None, captions.NO_CELL, published=shown))
                    continue
                found = intervals.metric_interval([cell], metric)
                bounds = (found.low, found.high) if found is not None else None
                entries.append(Entry(value_of(cell, metric), interval=bounds, published=shown))
        rows.append(Row(when, label, tuple(entries), ranked=False))
    which = "of the detectors' training set" if split == SYNTHETIC else "that no detector was trained on"
    what = (
        f"Synthetic pictures by generators {which}, taken for synthetic: by the detector's own decision, as in the"
        " paper; at the score that 5 % of unattacked photographs pass; and the area under the curve of scores."
    )
    return _table(number, "Detection of synthetic pictures", what, group, columns, rows, "", show_published)


def accuracy_table(group: Group, *, show_published: bool) -> Table:
    """Build table 3: clean accuracy of the four classifiers, each camera model weighing the same."""
    entries = []
    for name in CLASSIFIERS:
        cells = {c.split.name: c for c in group.cells if c.target.name == name and c.attack.name == "identity"}
        rows = [
            (row[true], sum(row))
            for cell in cells.values()
            for true, row in zip(cell.split.classes, cell.target.clean, strict=True)
            if true < len(row)
        ]
        theirs = (published.accuracy()[name], None) if show_published and compared(group, "3") else None
        whole = set(cells) == {"in", "out"}
        if not whole:
            entries.append(Entry(None, captions.NO_CELL, published=theirs))
            continue
        right = mean([named / shown for named, shown in rows])
        # As many photographs as tell as much, where models have not all the same number of them.
        count = len(rows) ** 2 / sum(1 / shown for _, shown in rows)
        low, high = intervals.wilson(right, count, normal_quantile(intervals.LEVEL))
        entries.append(Entry(right, interval=(float(low), float(high)), published=theirs))
    columns = tuple(Column(name, TITLES[name]) for name in CLASSIFIERS)
    what = (
        "Accuracy on unattacked photographs of the ten camera models that the classifiers know, each weighing the same;"
        " from cells of identity on both splits."
    )
    only = Row("accuracy", "Accuracy", tuple(entries), ranked=False)
    return _table("3", "Camera model identification", what, group, columns, [only], "", show_published)


def sar_table(number: str, group: Group, *, show_published: bool) -> Table:
    """Build table 4, 5 or 6: success on each classifier, a row a method, a block what it was built on."""
    split = SPLIT_OF[number]
    condition = compared(group, number)
    # The rows of table 4 are those of any condition.
    layout = [key for key in published.sar() if key[0] == number and (number != "4" or key[1] == "uncompressed")]
    layout.insert(next(k for k, key in enumerate(layout) if key[2] == "none"), (number, "", "none", "identity"))
    rows = []
    for _, _, trained_on, method in layout:
        theirs = published.sar().get((number, condition, trained_on, method)) if show_published else None
        cells = {name: place(group, split, method, trained_on, name) for name in CLASSIFIERS}
        known = [cell for cell in cells.values() if cell is not None]
        psnr = mean_or_none([rates.psnr_mean(cell) for cell in _crafts(known)])
        # Ours is of what is handed over, before a JPEG condition; the paper's of what JPEG leaves.
        decibels = (theirs.psnr, None) if theirs and condition == "uncompressed" else None
        why = "no picture changes" if method == "identity" else captions.NO_CELL
        entries = [Entry(psnr, why, published=decibels)]
        for name, cell in cells.items():
            made = entry(cell, pair=False)
            shown = (theirs.rates[name], None) if theirs else None
            several = cell is None and len(candidates(group, split, method, trained_on, name)) > 1
            missing = SEVERAL if several else made.missing
            entries.append(Entry(made.value, missing, published=shown, interval=made.interval))
        rows.append(
            Row(f"{trained_on}-{method}", METHODS[method], tuple(entries), block=BUILT_ON[trained_on], ranked=False)
        )
    columns = (Column("psnr", "PSNR", "decibel"), *(Column(name, TITLES[name]) for name in CLASSIFIERS))
    kind = "off the training set" if split == OFF else "of the training set"
    what = (
        f"Successful attack rate: synthetic pictures, by generators {kind}, taken for the wanted camera model, averaged"
        " over the models that the attacker knows. Where a method was built on a network like the one that judges, as"
        " in the first two blocks' own columns, that was trained on the attacker's photographs with its six models: it"
        " is transfer here, and white-box in the paper. PSNR is of the picture before a JPEG condition."
    )
    title = "The two parts of SpoC's loss" if number == "5" else "Attacks on camera model identification"
    return _table(number, title, what, group, columns, rows, "Built on", show_published)


def own_classifier(trained_on: str, classifier: str) -> bool:
    """Say whether a rival was built on a network of the architecture that judges it."""
    return trained_on != "none" and classifier in network(trained_on, classifier)


def _crafts(cells: list[Cell]) -> list[Cell]:
    return list({cell.craft.craft_id: cell for cell in cells}.values())


def _table(
    number: str,
    title: str,
    what: str,
    group: Group,
    columns: tuple[Column, ...],
    rows: list[Row],
    block_title: str,
    show_published: bool,
) -> Table:
    name = f"spoc-{number}"
    theirs = (
        "Ours / paper. The paper's figures are for pictures by five published GANs and photographs of ten real camera"
        " models, its examiners sharing them with the attacker: another data set, so they show a shape.",
    )
    return Table(
        number=name,
        title=title,
        caption=(
            what,
            captions.setting(group),
            *(theirs if show_published else ()),
            captions.command(name, group, show_published),
        ),
        corner="Attack",
        columns=columns,
        rows=tuple(rows),
        block_title=block_title,
        remarks=captions.left_out(group),
        published=show_published,
        facts=group.facts,
    )
