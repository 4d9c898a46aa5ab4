"""The sentences of captions: which photographs, which profile and condition, which command."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from benchbench.contracts.scenario import SCENARIOS
from benchbench.report.groups import AttackRow, Group, condition_texts

SPLITS = {"in": "in-distribution", "out": "out-of-distribution"}
NO_CELL = "not computed yet (`bench status` says why)"
BOLD = (
    "Best in bold; controls (what doing nothing or adding noise scores), plain filters and white-box attacks (which are"
    " given the target itself) do not compete."
)
PUBLISHED = (
    "Ours / paper. The paper's figures are for photographs of the Dresden image database, 512 x 512, with its"
    " own networks and unrounded images: another data set and another profile, so they show a shape, not a"
    " reference value."
)


def setting(group: Group) -> str:
    """Return the sentence that names data set, profile and condition."""
    if not group.dataset:
        return "No results yet."
    explained = condition_texts().get(group.condition)
    condition = f"condition {group.condition}" + (f" ({explained})" if explained else "")
    budget = "" if group.track == "native" else f", every perturbation rescaled to a PSNR of {group.track}"
    seed = f", seed {group.seed}" if group.seed else ""
    limit = group.settings.get("limit")
    part = f", {limit} photograph{'s' * (limit != 1)} of each camera model alone" if limit is not None else ""
    which = f"{group.data_id[:8]}{f'; {group.told}' if group.apart else ''}"
    return f"Data set {group.dataset} ({which}), profile {group.profile}, {condition}{budget}{seed}{part}."


def images(group: Group, split: str, target_overlap: str | None = None) -> str:
    """Return the sentence that says how many photographs of one split were attacked."""
    if "images" not in group.derived:  # most tables of a group say it
        group.derived["images"] = {
            (c.split.name, c.target.overlap, c.split.images, len(c.split.classes)) for c in group.cells
        }
    known = group.derived["images"]
    counts = sorted({(n, k) for name, overlap, n, k in known if name == split and target_overlap in (None, overlap)})
    if not counts:
        return f"No photographs of split {split} have been attacked yet."
    what = SPLITS.get(split) or (SCENARIOS.create(split).text if split in SCENARIOS else "of a scenario not known here")
    shown = " or ".join(f"{n} photographs of {k} camera models" for n, k in counts)
    return f"Split {split}: {shown}, {what}."


def command(number: str, group: Group, show_published: bool) -> str:
    """Return the sentence with the command that makes the table."""
    words = ["bench", "table", number]
    if group.dataset:
        words += ["--dataset", quote(group.dataset), "--profile", quote(group.profile)]
        words += ["--condition", group.condition, "--budget", group.track.removesuffix(" dB")]
    if show_published:
        words.append("--published")
    return f"Made by `{' '.join(words)}`."


def of_both_splits(what: str, number: str, group: Group, show_published: bool) -> tuple[str, ...]:
    """Return the caption of a table over both splits: what it shows, on which photographs, by which command."""
    theirs = (PUBLISHED,) if show_published else ()
    shown = (what, setting(group), images(group, "in"), images(group, "out"))
    return (*shown, *theirs, command(number, group, show_published))


def left_out(group: Group) -> tuple[str, ...]:
    """Return the remark about superseded cells, if there are any."""
    if not group.left_out:
        return ()
    noun = "cell is" if group.left_out == 1 else "cells are"
    return (f"{group.left_out} {noun} left out: of an older version, or computed again since.",)


def thin(attacks: Sequence[AttackRow]) -> tuple[str, ...]:
    """Return the remark about attacks that were run against a few of the settings' targets, if there are any."""
    if not attacks:
        return ()
    names = "; ".join(attack.label for attack in attacks)
    return (f"Scored on less than half as many targets and splits as others, and left out: {names}.",)


def clusters(group: Group) -> tuple[str, ...]:
    """Return the remark about intervals of records that do not name scenes, if there are any."""
    crafts = {cell.craft.craft_id: cell.split.scenes is None for cell in group.cells}
    if not any(crafts.values()):
        return ()
    which = "These records" if all(crafts.values()) else f"{sum(crafts.values())} of {len(crafts)} crafts' records"
    return (f"{which} do not name scenes: photographs are the clusters of their intervals.",)
