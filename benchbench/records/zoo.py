"""The zoo: trained networks that come with benchbench, so that a first run needs no training.

<zoo>/index.json           a record a network: label, spec, data_id, needs, facts, seconds, provenance, file, sha256
      <label>-<digits of fit_id>-<digits of sha256>.safetensors

A network is found by its fit_id alone, the digest of its recipe, its code's version, the photographs it was trained on
and the networks it builds on: one that any of these would change is not found, and is trained. Weights are stored in
half precision where that holds them exactly, which is so for all that `benchbench.learn.loop` trains; a network from
the zoo is therefore the same to the bit as the one that was trained.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.base import reach
from benchbench.base.errors import StoreError
from benchbench.base.files import inside, write_atomic
from benchbench.base.json_text import parsed
from benchbench.records.cache import Cache

if TYPE_CHECKING:
    import torch

FORMAT = 1
PACKAGED = Path(__file__).parents[1] / "zoo" / "networks"
_INDEX = "index.json"
_DIGITS = 8


class Zoo:
    """The networks in a folder."""

    def __init__(self, root: Path = PACKAGED) -> None:
        """Use `root`; a folder without an index holds no networks."""
        self.root = root

    @cached_property
    def index(self) -> dict[str, Any]:
        """Return the whole index: `format`, `networks` by fit_id, `photographs` by data_id.

        Raises:
            StoreError: it cannot be read, or a newer benchbench wrote it.
        """
        reach.check("the zoo")
        path = self.root / _INDEX
        if not path.is_file():
            return {"format": FORMAT, "networks": {}, "photographs": {}}
        try:
            found: dict[str, Any] = parsed(path.read_bytes())
            known = int(found["format"]) <= FORMAT
            if known:
                for record in found["networks"].values():
                    _ = record["sha256"], list(record["half"]), record["label"]
                    if inside(record["file"]) is None or "/" in record["file"]:  # it is read, and may be removed
                        raise StoreError(f"{path} names the file '{record['file']}', which is not in its folder.")
                for facts in found["photographs"].values():
                    _ = facts["fingerprints"]["test"], dict(facts["shared"])
                    _ = [(one["target"], one["confusion"]) for one in facts["clean"].values()]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise StoreError(
                f"{path} cannot be read; use --no-zoo, or mend it: in a checkout, git restore benchbench/zoo; else "
                "install benchbench anew."
            ) from error
        if not known:
            raise StoreError(f"{path} was written by a newer benchbench; upgrade, or use --no-zoo.")
        return found

    @property
    def networks(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the records by fit_id, files or no files."""
        return dict(self.index["networks"])

    def path(self, fit_id: str) -> Path:
        """Return where the file of a recorded network is, or should be."""
        return self.root / str(self.index["networks"][fit_id]["file"])

    def ids(self) -> frozenset[str]:
        """Return the fit ids of the networks whose files are there."""
        return frozenset(fit_id for fit_id in self.index["networks"] if self.path(fit_id).is_file())

    def photographs(self, data_id: str) -> Mapping[str, Any] | None:
        """Return what was found of the photographs that the networks were trained on, or None for others."""
        found: Mapping[str, Any] | None = self.index["photographs"].get(data_id)
        return found

    def state(self, fit_id: str) -> dict[str, torch.Tensor]:
        """Return the state of a network as its training returned it.

        Raises:
            StoreError: the file is damaged, or gone.
        """
        import torch
        from safetensors.torch import load

        path, record = self.path(fit_id), self.index["networks"][fit_id]
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StoreError(f"{path} cannot be read ({error.strerror or error}).") from error
        if hashlib.sha256(content).hexdigest() != record["sha256"]:
            raise StoreError(
                f"{path} is damaged; delete it and '{record['label']}' is trained, or mend it: in a checkout, "
                "git restore benchbench/zoo; else install benchbench anew."
            )
        halves = set(record["half"])
        return {n: t.to(torch.float32) if n in halves else t for n, t in load(content).items()}

    def adopt(self, fit_ids: Iterable[str], cache: Cache) -> list[str]:
        """Put networks into the cache that it lacks and the zoo holds; return their fit ids.

        Raises:
            StoreError: a file is damaged, or the cache cannot be written.
        """
        adopted = []
        for fit_id in sorted(self.ids().intersection(fit_ids)):
            if cache.has(fit_id):
                continue
            with cache.lock(fit_id):
                if not cache.has(fit_id):
                    record = {k: v for k, v in self.index["networks"][fit_id].items() if k not in _OWN}
                    state = self.state(fit_id)
                    cache.save(fit_id, cache.workspace(fit_id), state, record | {"zoo": self.path(fit_id).name})
                    adopted.append(fit_id)
        return adopted

    def adopt_clean(
        self, keys: Iterable[str], data_id: str, fingerprint: str, here: Mapping[str, Any], cache: Cache
    ) -> None:
        """Put into the cache what targets of the zoo say of the unattacked test photographs.

        Nothing is taken where the photographs were others, or where another processor or torch may have rounded
        otherwise: then a run classifies them itself.

        Args:
            keys: see `benchbench.harness.plan.clean_id`; those that the zoo lacks are left out.
            data_id, fingerprint: of the test photographs here.
            here: provenance of this run.
        """
        known = self.photographs(data_id)
        if known is None or known["fingerprints"]["test"] != fingerprint or _computes(known) != _computes(here):
            return
        for key in keys:
            found = known["clean"].get(key)
            if found is not None and cache.clean(key) is None:
                cache.save_clean(key, found["target"], {"confusion": found["confusion"]})

    def write(
        self, cache: Cache, fit_ids: Iterable[str], clean: Mapping[str, Any], photographs: Mapping[str, Any]
    ) -> None:
        """Fill the folder with networks of the cache, and take out those of before.

        A kill at any moment leaves the zoo as it was, or as it is to be: files have the digest of their content in
        their names, and the index changes in one step.

        Args:
            cache: where they are trained.
            fit_ids: which; those that wrote arrays are refused.
            clean: clean accuracy by fit_id, for the records.
            photographs: facts by data_id.

        Raises:
            StoreError: the cache lacks one, the folder cannot be written, or it holds something else than a zoo.
        """
        if not (self.root / _INDEX).is_file() and any(self.root.glob("*.safetensors")):
            raise StoreError(f"'{self.root}' holds files that are not a zoo's; name another folder with --zoo.")
        before = {str(record["file"]) for record in self.networks.values()}
        records: dict[str, Any] = {}
        for fit_id in sorted(fit_ids, key=lambda f: str(cache.record(f)["label"])):
            record = {k: v for k, v in cache.record(fit_id).items() if k not in ("files", "sha256", "zoo")}
            content, halves = _packed(cache, fit_id)
            digest = hashlib.sha256(content).hexdigest()
            label = str(record["label"]).replace("/", "-").replace(" ", "-")
            name = f"{label}-{fit_id[:_DIGITS]}-{digest[:_DIGITS]}.safetensors"
            path = self.root / name
            if not path.is_file() or path.read_bytes() != content:
                write_atomic(path, content)
            own = {"file": name, "bytes": len(content), "sha256": digest, "half": halves, "clean": clean.get(fit_id)}
            records[fit_id] = record | own
        index = {"format": FORMAT, "photographs": dict(photographs), "networks": records}
        write_atomic(self.root / _INDEX, (json.dumps(index, indent=1, sort_keys=True) + "\n").encode())
        self.__dict__.pop("index", None)
        for name in before - {record["file"] for record in records.values()}:
            with suppress(OSError):  # a file that the index does not name is no part of the zoo
                (self.root / name).unlink()


_OWN = ("file", "bytes", "sha256", "half", "clean")
"""What the index adds to a record of the cache."""


def _computes(provenance: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what decides how floating-point sums are rounded."""
    return provenance.get("device"), provenance.get("cpu"), provenance.get("packages", {}).get("torch")


def _packed(cache: Cache, fit_id: str) -> tuple[bytes, list[str]]:
    """Return a network as the bytes of its file, and the names of the tensors that are half precision in it."""
    import torch
    from safetensors.torch import load_file, save

    folder = cache.folder(fit_id)
    if any(folder.glob("*.npy")):
        raise StoreError(f"'{cache.record(fit_id)['label']}' is more than a network; the zoo holds networks alone.")
    state = load_file(folder / "state.safetensors")
    halves = sorted(
        name
        for name, value in state.items()
        if value.dtype == torch.float32 and value.ndim > 1 and torch.equal(value.half().float(), value)
    )
    packed = {name: value.half() if name in halves else value for name, value in state.items()}
    return save(packed), halves
