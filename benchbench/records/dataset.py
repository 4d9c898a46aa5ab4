"""dataset.json: how many photographs of each camera model each role holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from benchbench.base.errors import StoreError
from benchbench.base.files import file_name, write_atomic


class ModelCounts(BaseModel):
    """Photographs of one camera model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    y: int
    """1, 2, ... in class order."""
    camera_model: str
    q: int | None = None
    """The attacker's; None for an unknown model."""
    p: int
    """The examiner's."""
    test: int


class DatasetSummary(BaseModel):
    """results/<dataset>/<profile>/dataset.json: what table 1 shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    data_id: str
    camera_models: tuple[str, ...]
    known: int
    """Models 1 to `known` are known to the attacker."""
    size: int
    """Photographs are `size` x `size` pixels."""
    shared: dict[str, int | None] | None = None
    """How many pictures, devices and scenes test photographs share with q and p. None: not known, or allowed to."""
    counts: tuple[ModelCounts, ...]
    warning: str | None = None
    """What every caption must say of the split; None: nothing."""

    @classmethod
    def of(
        cls,
        *,
        name: str,
        data_id: str,
        camera_models: Sequence[str],
        known: int,
        size: int,
        labels: Mapping[str, Iterable[int]],
        shared: dict[str, int | None] | None = None,
        warning: str = "",
    ) -> DatasetSummary:
        """Count the photographs of a data set.

        Args:
            labels: class of each photograph, from 0, by role: q, p, test.
            shared, warning: see the fields.
        """
        found = {role: Counter(int(k) for k in labels[role]) for role in ("q", "p", "test")}
        counts = tuple(
            ModelCounts(
                y=k + 1,
                camera_model=model,
                q=found["q"][k] if k < known else None,
                p=found["p"][k],
                test=found["test"][k],
            )
            for k, model in enumerate(camera_models)
        )
        return cls(
            name=name,
            data_id=data_id,
            camera_models=tuple(camera_models),
            known=known,
            size=size,
            counts=counts,
            shared=shared,
            warning=warning or None,
        )


def summary_path(folder: Path, data_id: str) -> Path:
    """Return where the summary of photographs goes: dataset.json, or beside it where that is of others.

    Data sets whose folders have one name, or names that make one folder, lie together.
    """
    path = folder / "dataset.json"
    try:
        standing = read_summary(path)
    except StoreError:
        return path  # damaged: it is written again
    if standing is None or standing.data_id == data_id:
        return path
    return folder / f"dataset-{file_name(data_id[:8])}.json"


def summary_of(folder: Path, data_id: str) -> DatasetSummary | None:
    """Read the summary of photographs by their id, or else the one that stands there; None where there is none.

    Raises:
        StoreError: see `read_summary`.
    """
    return read_summary(summary_path(folder, data_id)) or read_summary(folder / "dataset.json")


def read_summary(path: Path) -> DatasetSummary | None:
    """Read dataset.json, or return None if there is no such file.

    Raises:
        StoreError: it is damaged or has unknown keys.
    """
    try:
        return DatasetSummary.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror or error}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(
            f"{path} is not a data set summary: {where + ': ' if where else ''}{first['msg']}."
            " Delete it; the next `bench run` writes it again."
        ) from error


def write_summary(path: Path, summary: DatasetSummary) -> None:
    """Write dataset.json atomically; equal summaries give equal bytes.

    Raises:
        StoreError: the file cannot be written.
    """
    # A summary without a warning is the file that it was before there were any.
    none = {"warning"} if summary.warning is None else None
    write_atomic(path, (summary.model_dump_json(indent=2, exclude=none) + "\n").encode("utf-8"))
