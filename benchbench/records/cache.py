"""Networks, arrays and photographs on disk: deletable, since every part of it can be computed again.

<cache>/data/<data_id>/       photographs (benchbench.data)
        fits/<fit_id>/        record.json, state.safetensors, NAME.npy; complete, or absent
        work/<fit_id>/        checkpoint.pt and the unfinished folder of a fit that runs or was stopped
        clean/<id>.json       confusion matrices of targets on unattacked photographs
        scenes/<data_id>/     rendered test scenes, for `bench ablate`
        ablation/<id>.json    what `bench ablate` found of one photograph
        files/<key>           data_id of a folder of photographs whose files were read
        logs/                 tracebacks of what failed
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from benchbench.base.errors import StoreError
from benchbench.base.files import is_locked, locked, sync_folder, write_atomic
from benchbench.contracts.fit import Fit

if TYPE_CHECKING:
    import torch

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
        path = self.folder(fit_id) / _RECORD
        try:
            found = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise StoreError(f"{path} cannot be read; delete its folder and 'bench run' computes it again.") from error
        return dict(found)

    def records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (fit_id, record) of every finished fit."""
        for path in sorted(self.root.glob(f"fits/*/{_RECORD}")):
            yield path.parent.name, self.record(path.parent.name)

    @contextmanager
    def lock(self, fit_id: str) -> Iterator[None]:
        """Hold a fit, so that two runs at once compute it once; waits for the other. Freed when a process dies.

        Raises:
            StoreError: the cache cannot be written.
        """
        path = self._lock(fit_id)
        with locked(path):
            yield
            if self.has(fit_id):  # whoever waits for the removed file then finds the fit finished
                path.unlink(missing_ok=True)

    def hold(self, name: str) -> AbstractContextManager[None]:
        """Keep `bench gc` from what `name` stands for; any number of processes may hold it at once.

        Raises:
            StoreError: the cache cannot be written.
        """
        return locked(self._lock(name), shared=True)

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
        from safetensors.torch import save_file

        try:
            # A copy each, because safetensors refuses tensors that share memory.
            tensors = {name: t.detach().cpu().contiguous().clone() for name, t in state.items()}
            save_file(tensors, folder / _STATE)
            sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
            text = json.dumps(dict(record) | {"files": sizes}, indent=1)
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
        if fit_id not in self._memo:
            self._memo[fit_id] = _frozen(self._read(fit, fit_id, _Needs(self, fit, data_id)))
        return self._memo[fit_id]

    def _read(self, fit: Fit, fit_id: str, needs: Mapping[str, Any]) -> Any:
        import numpy as np
        from safetensors.torch import load_file

        if not self.has(fit_id):
            raise StoreError(f"'{fit.label}' ({fit_id[:8]}) is not in the cache; 'bench run' computes it.")
        folder, record = self.folder(fit_id), self.record(fit_id)
        for name, size in record.get("files", {}).items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != size:
                raise StoreError(f"{path} is damaged; delete its folder and 'bench run' computes '{fit.label}' again.")
        arrays = {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}
        return fit.load(load_file(folder / _STATE), arrays, needs)

    def clean(self, key: str) -> dict[str, Any] | None:
        """Return what a target makes of unattacked photographs, or None where it has not been asked.

        {"confusion": rows of counts} of a classifier, {"unattacked": columns} of another task.
        """
        try:
            found: dict[str, Any] = json.loads((self.root / "clean" / f"{key}.json").read_bytes())
        except (OSError, ValueError):
            return None  # absent or damaged: it is computed again
        return {name: found[name] for name in ("confusion", "unattacked") if name in found}

    def save_clean(self, key: str, target: str, found: Mapping[str, Any]) -> None:
        """Store what a target makes of unattacked photographs, see `clean`."""
        write_atomic(self.root / "clean" / f"{key}.json", json.dumps({"target": target, **found}).encode())

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


class _Needs(Mapping[str, Any]):
    """What a fit builds on, loaded when asked for: a trained network has no more use for what it was trained on."""

    def __init__(self, cache: Cache, fit: Fit, data_id: str) -> None:
        self._cache, self._fits, self._data_id = cache, fit.needs(), data_id

    def __getitem__(self, name: str) -> Any:
        return self._cache.load(self._fits[name], self._data_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._fits)

    def __len__(self) -> int:
        return len(self._fits)


def _frozen(value: Any) -> Any:
    """Put a network in eval mode and stop gradients at its parameters: an attack needs those of its input alone."""
    import torch

    return value.eval().requires_grad_(False) if isinstance(value, torch.nn.Module) else value
