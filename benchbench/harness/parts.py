"""Parts of crossings that are not whole yet, on disk, so that a run goes on after a kill from where it stood.

<cache>/parts/<key>/<start>-<stop>.npz    what came of trials start to stop of one crossing, until its cells are written
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchbench.base.files import write_atomic
from benchbench.contracts.trials import Trials
from benchbench.evaluate.crossing import CrossingResult, ViewResult

_FACTS = "facts"


class Parts:
    """The parts of one crossing."""

    def __init__(self, cache: Path, key: str) -> None:
        """Name the crossing.

        Args:
            key: hexadecimal, of all that its trials hang on.
        """
        self.folder = cache / "parts" / key

    def found(self, total: int) -> dict[tuple[int, int], CrossingResult]:
        """Return what is there, by (start, stop), none over another and never all; what cannot be read is left out.

        Args:
            total: trials of the crossing.
        """
        places = [place for path in self.folder.glob("*.npz") if (place := _place(path, total)) is not None]
        kept: dict[tuple[int, int], CrossingResult] = {}
        for start, stop in sorted(places, key=lambda place: (place[0], -place[1])):
            if all(stop <= a or b <= start for a, b in kept) and (part := self._read(start, stop)) is not None:
                kept[start, stop] = part
        if kept and sum(stop - start for start, stop in kept) == total:  # a job is left, with which the crossing ends
            kept.popitem()
        return kept

    def keep(self, start: int, stop: int, part: CrossingResult) -> None:
        """Write a part.

        Raises:
            StoreError: no space, or a folder that cannot be written.
        """
        arrays: dict[str, NDArray[Any]] = {f"trials/{f.name}": getattr(part.trials, f.name) for f in fields(Trials)}
        views = []
        for n, view in enumerate(part.views):
            arrays |= {f"{n}/measures/{name}": values for name, values in view.measures.items()}
            arrays |= {f"{n}/surrogate/{name}": values for name, values in view.surrogate.items()}
            for m, columns in enumerate(view.outcomes.values()):
                arrays |= {f"{n}/outcomes/{m}/{column}": values for column, values in columns.items()}
            views.append({"clipped": view.clipped, "values": view.values, "targets": list(view.outcomes)})
        facts = {"views": views, "calls": part.target_calls, "facts": dict(part.facts), "seconds": part.seconds}
        arrays[_FACTS] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        write_atomic(self.folder / f"{start}-{stop}.npz", buffer.getvalue())

    def remove(self) -> None:
        """Remove them all: the crossing's cells are written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, start: int, stop: int) -> CrossingResult | None:
        try:
            with np.load(self.folder / f"{start}-{stop}.npz") as file:  # each array has a checksum, compared here
                arrays = {name: file[name] for name in file.files}
            facts = json.loads(arrays.pop(_FACTS).tobytes())
            trials = Trials(*(arrays[f"trials/{field.name}"] for field in fields(Trials)))
            if len(trials) != stop - start:
                return None
            views = tuple(_view(arrays, n, about) for n, about in enumerate(facts["views"]))
            return CrossingResult(
                trials=trials,
                views=views,
                target_calls=facts["calls"],
                facts=facts["facts"],
                failures={},
                seconds=facts["seconds"],
            )
        except Exception:  # damaged bytes of a compressed file have many; it is computed again
            return None


def _view(arrays: Mapping[str, NDArray[Any]], number: int, about: Mapping[str, Any]) -> ViewResult:
    def under(place: str) -> dict[str, NDArray[Any]]:
        return {name.removeprefix(place): values for name, values in arrays.items() if name.startswith(place)}

    return ViewResult(
        measures=under(f"{number}/measures/"),
        outcomes={target: under(f"{number}/outcomes/{m}/") for m, target in enumerate(about["targets"])},
        surrogate=under(f"{number}/surrogate/"),
        clipped=about["clipped"],
        values=about["values"],
    )


def _place(path: Path, total: int) -> tuple[int, int] | None:
    start, _, stop = path.stem.partition("-")
    if not (start.isdecimal() and stop.isdecimal()):
        return None
    return (int(start), int(stop)) if int(start) < int(stop) <= total else None
