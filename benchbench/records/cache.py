"""Networks, arrays and photographs on disk: deletable, since every part of it can be computed again.

<cache>/data/<data_id>/       photographs (benchbench.data)
        fits/<fit_id>/        record.json, state.safetensors, NAME.npy; complete, or absent
        work/<fit_id>/        checkpoint.pt and the unfinished folder of a fit that runs or was stopped
        clean/<id>.json       confusion matrices of targets on unattacked photographs
        scenes/<data_id>/     rendered test scenes, for `bench ablate`
        ablation/<id>.json    what `bench ablate` found of one photograph
        files/<key>           data_id of a folder of photographs whose files were read
        logs/                 tracebacks of what failed
        broken/               what was found damaged, and was computed anew
        parts/<key>/          what came of a part of a crossing (benchbench.harness.parts)
        runs/                 what the runs of the moment need, so that `bench gc` leaves it
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from benchbench.base import reach
from benchbench.base.errors import StoreError
from benchbench.base.files import file_digest, inside, is_locked, locked, sync_folder, write_atomic
from benchbench.base.identity import digest
from benchbench.base.json_text import parsed
from benchbench.contracts.fit import Fit

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

_RECORD, _STATE = "record.json", "state.safetensors"


def default_cache() -> Path:
    """Return the folder for networks and photographs: $BENCHBENCH_CACHE or the user's cache folder."""
    given = os.environ.get("BENCHBENCH_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("benchbench"))


class Cache:
    """The cache folder and, within this process, what was loaded from it."""

    def __init__(self, root: Path) -> None:
        """Use `root`; it need not exist yet."""
        self.root = root
        self._memo: dict[str, Any] = {}

    def folder(self, fit_id: str) -> Path:
        """Return the folder of a finished fit."""
        return self.root / "fits" / fit_id

    def has(self, fit_id: str) -> bool:
        """Say whether a fit is finished; its folder appears whole, by a rename."""
        return (self.folder(fit_id) / _RECORD).is_file()

    def checkpoint(self, fit_id: str) -> Path:
        """Return where the training state of a fit is kept until it is done."""
        return self.root / "work" / fit_id / "checkpoint.pt"

    def record(self, fit_id: str) -> dict[str, Any]:
        """Return label, spec, data_id, needs, facts, seconds, provenance of a finished fit.

        Raises:
            StoreError: the record cannot be read.
        """
        reach.check(f"fit {fit_id[:8]}", fit_id)
        path = self.folder(fit_id) / _RECORD
        try:
            found = parsed(path.read_bytes())
            if not isinstance(found["label"], str) or not _told(found):
                raise ValueError("its fields are of another kind")
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StoreError(f"{path} cannot be read; delete its folder and 'bench run' computes it again.") from error
        return dict(found)

    def records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (fit_id, record) of every finished fit whose record can be read."""
        for path in sorted(self.root.glob(f"fits/*/{_RECORD}")):
            with suppress(StoreError):
                yield path.parent.name, self.record(path.parent.name)

    def damage(self, fit_id: str) -> str:
        """Return what is wrong with the files of a finished fit, by their sizes and sha256; '' where nothing is.

        Fits of before digests were kept are looked at by size alone.
        """
        folder = self.folder(fit_id)
        try:
            record = self.record(fit_id)
            digests = record.get("sha256", {})
            for name, size in record.get("files", {}).items():
                path = folder / name
                if inside(name) is None or path.stat().st_size != size:
                    return f"{path} is damaged"
                if name in digests and file_digest(path) != digests[name]:
                    return f"{path} is not what was written"
        except FileNotFoundError as error:
            return f"{error.filename} is missing"
        except PermissionError as error:
            raise StoreError(f"{error.filename} cannot be read ({error.strerror}).") from error
        except (StoreError, OSError) as error:
            return str(error)
        return ""

    def content(self, fit_id: str) -> str:
        """Return a digest of the files of a finished fit, as its record has them; '' where it is not here."""
        return digest("content", self.record(fit_id).get("sha256", {})) if self.has(fit_id) else ""

    def set_aside(self, path: Path, why: str) -> None:
        """Move something damaged out of the way, so that it is made anew, and say so.

        Raises:
            StoreError: it cannot be moved.
        """
        place = self.root / "broken" / f"{path.name}-{uuid.uuid4().hex[:8]}"
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)
        except OSError as error:
            raise StoreError(f"{why}, and '{path}' cannot be moved away ({error.strerror or error}).") from error
        logging.getLogger("benchbench").warning("bench: %s; it was moved to %s and is made anew.", why, place)

    def set_aside_damaged(self, fit_ids: Iterable[str]) -> bool:
        """Move those of some fits whose files are damaged out of the way; say whether there were any."""
        wrong = {fit_id: why for fit_id in fit_ids if self.has(fit_id) and (why := self.damage(fit_id))}
        for fit_id, why in wrong.items():
            self.set_aside(self.folder(fit_id), why)
        return bool(wrong)

    @contextmanager
    def gate(self) -> Iterator[None]:
        """Hold off runs that begin, while `bench gc` looks for what can go and removes it; and the other way round.

        Raises:
            StoreError: the cache cannot be written.
        """
        with locked(self.root / "runs" / "gate.lock"):
            yield

    @contextmanager
    def lease(self) -> Iterator[Callable[[Iterable[str]], None]]:
        """Keep `bench gc` from what a run needs, as long as the block lasts; a killed run's lease ends with it.

        Yields:
            A function that says by name (fit ids, data ids) what the run needs; until it is called, all is kept.

        Raises:
            StoreError: the cache cannot be written.
        """
        path = self.root / "runs" / f"{uuid.uuid4().hex}.json"
        with ExitStack() as held:
            with self.gate():
                held.enter_context(locked(path))

            def need(names: Iterable[str]) -> None:
                # In place, because the lock is on this very file.
                try:
                    path.write_text(json.dumps(sorted(set(names))), encoding="utf-8")
                except OSError as error:
                    raise StoreError(f"'{path}' cannot be written ({error.strerror or error}).") from error

            try:
                yield need
            finally:
                path.unlink(missing_ok=True)

    def leased(self) -> frozenset[str] | None:
        """Return the names that runs of the moment need; None where one has not said yet, and needs everything."""
        found: set[str] = set()
        for path in self.root.glob("runs/*.json"):
            if is_locked(path):
                try:
                    found |= set(parsed(path.read_bytes()))
                except (OSError, ValueError, TypeError):
                    return None
        return frozenset(found)

    @contextmanager
    def lock(self, fit_id: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold a fit, so that two runs at once compute it once; waits for the other. Freed when a process dies.

        Args:
            waiting: called each second while the other holds it.

        Raises:
            StoreError: the cache cannot be written.
        """
        path = self._lock(fit_id)
        with locked(path, waiting):
            yield
            if self.has(fit_id):  # whoever waits for the removed file then finds the fit finished
                path.unlink(missing_ok=True)

    def held(self, name: str) -> bool:
        """Say whether a living process holds a fit, or what else `name` stands for."""
        return is_locked(self._lock(name))

    def _lock(self, name: str) -> Path:
        return self.root / "work" / f"{name}.lock"

    def workspace(self, fit_id: str) -> Path:
        """Return an empty folder for the arrays of a fit; call it while holding the lock.

        Raises:
            StoreError: the cache cannot be written.
        """
        folder = self.root / "work" / fit_id / "new"
        try:
            if folder.exists():
                shutil.rmtree(folder)  # left by a run that was killed
            folder.mkdir(parents=True)
        except OSError as error:
            raise StoreError(f"'{folder}' cannot be written ({error.strerror or error}).") from error
        return folder

    def save(self, fit_id: str, folder: Path, state: Mapping[str, torch.Tensor], record: Mapping[str, Any]) -> None:
        """Complete the workspace `folder` with state and record, and move it to its place in one rename.

        Raises:
            StoreError: no space; nothing half-written is left under fits/.
        """
        from safetensors.torch import save

        try:
            # A copy each, because safetensors refuses tensors that share memory.
            tensors = {name: t.detach().cpu().contiguous().clone() for name, t in state.items()}
            (folder / _STATE).write_bytes(save(tensors))  # not by its own writer, which lets nobody else read it
            sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
            digests = {name: file_digest(folder / name) for name in sizes}
            text = json.dumps(dict(record) | {"files": sizes, "sha256": digests}, indent=1)
            (folder / _RECORD).write_text(text + "\n", encoding="utf-8")
            for path in folder.iterdir():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            place = self.folder(fit_id)
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.exists():
                shutil.rmtree(place)  # damaged: without a record
            folder.rename(place)
            sync_folder(place.parent)
        except OSError as error:
            raise StoreError(f"'{folder}' cannot be written ({error.strerror or error}).") from error
        except Exception as error:
            if type(error).__name__ != "SafetensorError":
                raise
            raise StoreError(f"'{folder / _STATE}' cannot be written ({error}).") from error
        shutil.rmtree(self.root / "work" / fit_id, ignore_errors=True)

    def load(self, fit: Fit, data_id: str) -> Any:
        """Return what users of `fit` receive, loading the fits that it builds on; networks in eval mode, frozen.

        Raises:
            StoreError: the fit is not in the cache, or damaged.
        """
        fit_id = fit.fit_id(data_id)
        reach.check(f"'{fit.label}'", fit_id)
        if fit_id not in self._memo:
            state, arrays = self._read(fit, fit_id)
            needs = _Needs(fit, lambda need: self.load(need, data_id))
            self._memo[fit_id] = _frozen(fit.load(state, arrays, needs))
        return self._memo[fit_id]

    def states(self, fit: Fit, data_id: str) -> Mapping[str, Mapping[str, torch.Tensor]]:
        """Return what the fits that `fit` builds on have stored, each read when asked for: StoreError, as above."""

        def state(need: Fit) -> dict[str, torch.Tensor]:
            fit_id = need.fit_id(data_id)
            reach.check(f"'{need.label}'", fit_id)
            return self._read(need, fit_id)[0]

        return _Needs(fit, state)

    def _read(self, fit: Fit, fit_id: str) -> tuple[dict[str, torch.Tensor], dict[str, NDArray[Any]]]:
        import numpy as np
        from safetensors.torch import load_file

        if not self.has(fit_id):
            raise StoreError(f"'{fit.label}' ({fit_id[:8]}) is not in the cache; 'bench run' computes it.")
        folder = self.folder(fit_id)
        if wrong := self.damage(fit_id):
            raise StoreError(f"{wrong}; delete its folder and 'bench run' computes '{fit.label}' again.")
        arrays = {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}
        return load_file(folder / _STATE), arrays

    def clean(self, key: str) -> dict[str, Any] | None:
        """Return what a target makes of unattacked photographs, or None where it has not been asked.

        {"confusion": rows of counts} of a classifier, {"unattacked": columns} of another task.
        """
        reach.check("what targets make of photographs")
        try:
            found: dict[str, Any] = parsed((self.root / "clean" / f"{key}.json").read_bytes())
            facts: dict[str, Any] = {name: found[name] for name in ("confusion", "unattacked") if name in found}
            whole = found["content"] == digest("clean facts", [key, facts])
        except (OSError, ValueError, TypeError, KeyError):
            return None  # absent or damaged: it is computed again
        return facts if whole else None

    def save_clean(self, key: str, target: str, found: Mapping[str, Any]) -> None:
        """Store what a target makes of unattacked photographs, see `clean`."""
        record = {"target": target, **found, "content": digest("clean facts", [key, found])}
        write_atomic(self.root / "clean" / f"{key}.json", json.dumps(record).encode())

    def log(self, name: str, text: str) -> Path | None:
        """Keep the traceback of a failure and return its path, or None where it cannot be written."""
        path = self.root / "logs" / f"{name}.txt"
        with suppress(StoreError):
            write_atomic(path, text.encode())
            return path
        return None

    def size(self) -> int:
        """Return the bytes under the cache folder."""
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())


def _told(record: dict[str, Any]) -> bool:
    """Say whether what a record says of its files, parents, cost and time is of the kind that is expected."""
    maps = all(isinstance(record.get(key, {}), dict) for key in ("files", "needs", "sha256", "facts"))
    return maps and all(isinstance(record.get(key, 0.0), (int, float)) for key in ("cost", "seconds"))


class _Needs(Mapping[str, Any]):
    """What a fit builds on, loaded when asked for: a trained network has no more use for what it was trained on."""

    def __init__(self, fit: Fit, load: Callable[[Fit], Any]) -> None:
        self._fits, self._load = fit.needs(), load

    def __getitem__(self, name: str) -> Any:
        return self._load(self._fits[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._fits)

    def __len__(self) -> int:
        return len(self._fits)


def _frozen(value: Any) -> Any:
    """Put a network in eval mode and stop gradients at its parameters: an attack needs those of its input alone."""
    import torch

    return value.eval().requires_grad_(False) if isinstance(value, torch.nn.Module) else value
