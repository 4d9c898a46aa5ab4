"""The layout of the tree that the released implementation of the Cama paper makes of the Dresden photographs."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, ClassVar

from benchbench.contracts.layout import Folder, Layout, PhotoFile, Reading, folders
from benchbench.contracts.roles import Role
from benchbench.data.folder.dresden import Dresden

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SETS: dict[str, tuple[Role, bool]] = {
    "adversary": ("q", True),
    "examiner": ("p", True),
    "test": ("test", True),
    "examiner_outdist": ("p", False),
    "test_outdist": ("test", False),
}
"""Role and whether the attacker knows the models, by the folder's name."""
_DERIVED = ("prnu_lp", "remosaic")


class CamaRelease(Layout):
    """Cama's own release: rgb/<set>/[train|validation]/<model>/<Make>_<Model>_<device>_<n>.pth, roles by the set."""

    note: ClassVar[str] = "roles are those of its folders; its division into training and validation is drawn anew"
    same_models: ClassVar = Dresden.same_models

    def matches(self, folder: Folder) -> float:
        """See `Layout.matches`; the tensors are no photographs to any other layout."""
        paths = [path for path in folder.files if path.endswith(".pth")]
        if not paths or len(folder.photographs) > len(paths):
            return 0.0
        return sum(_place(path) is not None or _derived(path) for path in paths) / len(paths)

    def read(self, folder: Folder) -> Reading:
        """See `Layout.read`; what the release derives from photographs is left out."""
        found, dresden = Reading([]), Dresden()
        for path in folder.files:
            if not path.endswith(".pth"):
                continue
            place, named = _place(path), dresden.place(path)
            if _derived(path):
                found.aside.setdefault("are derived from photographs (prnu_lp, remosaic)", []).append(path)
            elif place is None or named is None:
                found.wrong[path] = "is not rgb/<set>/<model>/<Make>_<Model>_<device>_<n>.pth"
            else:
                found.entries.append(PhotoFile(path, place[2], named[1], None, place[0], place[1]))
        return found

    def pixels(self, file: Path) -> NDArray[np.uint8] | None:
        """Read a tensor, uint8 (3, H, W), without running anything that a pickle may hold.

        Raises:
            ValueError: it is no such tensor.
        """
        if file.suffix != ".pth":
            return None
        import torch

        try:
            tensor = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # a pickle that is refused says so in a page of text
            raise ValueError(f"no tensor that can be read safely: {type(error).__name__}") from None
        if not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.uint8 or tensor.ndim != 3 or len(tensor) != 3:
            raise ValueError("no uint8 tensor of 3 channels")
        pixels: NDArray[np.uint8] = tensor.permute(1, 2, 0).contiguous().numpy()
        return pixels


def _place(path: str) -> tuple[Role, bool, str] | None:
    """Role, whether it is known, and model; or None."""
    parts = folders(path)
    if "rgb" not in parts:
        return None
    inner = parts[parts.index("rgb") + 1 :]
    if len(inner) == 3 and inner[1] in ("train", "validation"):
        inner = (inner[0], inner[2])
    if len(inner) != 2 or inner[0] not in _SETS:
        return None
    return (*_SETS[inner[0]], inner[1])


def _derived(path: str) -> bool:
    return any(part in _DERIVED for part in PurePosixPath(path).parts[:-1])
