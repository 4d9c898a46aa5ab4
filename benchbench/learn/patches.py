"""Training patches: cut, balanced and turned; on a GPU there, with no work per sample in Python."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def dih4(x: Tensor, element: Tensor) -> Tensor:
    """Apply to each image of (N, C, P, P) its element (0 to 7) of the dihedral group of the square.

    Bit 0 mirrors left-right, bit 1 top-bottom, bit 2 transposes; the eight combinations are the group.
    """
    bits = [((element >> b) & 1).bool().view(-1, 1, 1, 1) for b in range(3)]
    x = torch.where(bits[0], x.flip(3), x)
    x = torch.where(bits[1], x.flip(2), x)
    return torch.where(bits[2], x.transpose(2, 3), x)


def cut_patches(stack: np.ndarray, patch: int, places: np.ndarray) -> Tensor:
    """Cut patches from photographs (N, H, W, C) and turn them; on a CPU, each by itself is faster than all at once.

    Args:
        stack: may be memory-mapped; nothing else of it is read.
        patch: side of a patch in pixels.
        places: int64 (4, batch): for each patch its photograph, row and column in the grid, and element of `dih4`.

    Returns:
        (batch, C, patch, patch), channels last, of the type of `stack`.
    """
    made = np.empty((places.shape[1], patch, patch, stack.shape[3]), stack.dtype)
    for turned, (photo, row, column, element) in zip(made, places.T.tolist(), strict=True):
        cut = stack[photo, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
        cut = cut[:: -1 if element & 2 else 1, :: -1 if element & 1 else 1]
        turned[:] = cut.transpose(1, 0, 2) if element & 4 else cut
    return torch.from_numpy(made).permute(0, 3, 1, 2)


class PatchSource:
    """Class-balanced random patches of a non-overlapping grid, from one or more aligned stacks of photographs.

    Args:
        stacks: arrays (N, H, W, C), uint8 photographs or floating-point residuals; memory-mapped arrays stay so on
            a CPU and move to the device's memory otherwise.
        labels: int64 (N,), the class of each photograph.
        index: which photographs to use.
        patch: side of a patch in pixels.
        device: where patches are cut.
    """

    def __init__(
        self, stacks: Sequence[np.ndarray], labels: np.ndarray, index: np.ndarray, patch: int, device: torch.device
    ) -> None:
        self.device, self.patch = device, patch
        here = device.type == "cpu"
        self.stacks = [np.asarray(stack) for stack in stacks]
        self.views = [] if here else [self._grid(stack[index]) for stack in self.stacks]
        self.cells = tuple(side // patch for side in self.stacks[0].shape[1:3])
        # On a CPU the whole memory-mapped stack stays in place, so positions refer to it, not to `index`.
        positions = index if here else np.arange(len(index))
        self.classes = [int(c) for c in np.unique(labels[index])]
        self.members = [torch.from_numpy(positions[labels[index] == c]) for c in self.classes]
        self.sizes = torch.tensor([len(m) for m in self.members])
        self.table = torch.nn.utils.rnn.pad_sequence(self.members, batch_first=True)

    def _grid(self, photographs: np.ndarray) -> Tensor:
        """Return a view (N, rows, columns, C, patch, patch) of photographs on the device."""
        data = torch.from_numpy(np.ascontiguousarray(photographs)).to(self.device)
        return data.unfold(1, self.patch, self.patch).unfold(2, self.patch, self.patch)

    def sample(
        self, batch: int, generator: torch.Generator, which: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor]:
        """Return one float32 (batch, C, P, P) tensor a stack, equally turned, and labels (batch,).

        uint8 stacks come out in [0, 1]; floating-point stacks keep their unit. `generator` is a CPU generator: the
        draws are the same on every device. `which` says of which class each patch is, by its place in `classes`,
        int64 (batch,); none: drawn.
        """
        if which is None:
            which = torch.randint(len(self.classes), (batch,), generator=generator)
        member = (torch.rand(batch, generator=generator, dtype=torch.float64) * self.sizes[which]).long()
        row = torch.randint(self.cells[0], (batch,), generator=generator)
        column = torch.randint(self.cells[1], (batch,), generator=generator)
        element = torch.randint(8, (batch,), generator=generator)
        places = torch.stack([self.table[which, member], row, column, element])
        if self.device.type == "cpu":
            cuts = [cut_patches(stack, self.patch, places.numpy()) for stack in self.stacks]
        else:
            photo, row, column, element = places.to(self.device)
            cuts = [dih4(view[photo, row, column], element) for view in self.views]
        # Cut before float32, which takes four times the memory.
        patches = [cut.float().div_(255) if cut.dtype == torch.uint8 else cut.float() for cut in cuts]
        return patches, torch.tensor(self.classes)[which].to(self.device)
