"""Older records, read as the present schema: one function a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def from_2(record: dict[str, Any]) -> dict[str, Any]:
    """Return a cell of schema 2 as one of schema 3.

    Schema 2 held `predicted` by photograph and wanted class, ascending, the true one left out; `counts`, which follow
    from it; and sums of three measures in the craft.

    Raises:
        ValueError: the counts do not follow from the outcomes.
        KeyError, TypeError, IndexError: it is no such record.
    """
    old = dict(record)
    known, true = old["dataset"]["known"], old["split"]["true"]
    predicted, counts = old.pop("predicted"), old.pop("counts")
    goals = [[w for w in range(known) if w != t] for t in true]
    if [len(g) for g in goals] != [len(found) for found in predicted]:
        raise ValueError("there are more or fewer outcomes than photographs and wanted classes")
    table = [[[0] * old["target"]["classes"] for _ in range(known)] for _ in old["split"]["classes"]]
    for t, wanted, found in zip(true, goals, predicted, strict=True):
        row = table[old["split"]["classes"].index(t)]
        for w, p in zip(wanted, found, strict=True):
            if p < 0:
                raise IndexError(f"class {p} was predicted")
            row[w][p] += 1
    if table != [[list(line) for line in rows] for rows in counts]:
        raise ValueError("its counts do not follow from its outcomes")
    craft = dict(old["craft"])
    psnr_sum, psnr_images, ssim_sum, l1_sum = (craft.pop(k) for k in ("psnr_sum", "psnr_images", "ssim_sum", "l1_sum"))
    every = [a + b for a, b in zip(psnr_images, craft["identical"], strict=True)]
    measures = {"psnr": {"sums": psnr_sum, "images": psnr_images}, "l1": {"sums": l1_sum, "images": every}}
    if ssim_sum is not None:
        measures["ssim"] = {"sums": ssim_sum, "images": every}
    craft["trials"] = {
        "photograph": [i for i, g in enumerate(goals) for _ in g],
        "wanted": [w for g in goals for w in g],
    }
    craft["measures"] = measures
    old["craft"] = craft
    old["outcomes"] = {"predicted": [p for found in predicted for p in found]}
    return old | {"schema_version": 3}


STEPS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {2: from_2}
"""By the schema that a step reads."""
