"""Training patches: cut, balanced and turned on the device, with no work per sample in Python."""

from __future__ import annotations

import warnings
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
        self.device = device
        self.views = [self._grid(stack, patch, index) for stack in stacks]
        rows, columns = self.views[0].shape[1:3]
        self.cells = (rows, columns)
        # On a CPU the whole memory-mapped stack stays in place, so positions refer to it, not to `index`.
        positions = index if device.type == "cpu" else np.arange(len(index))
        self.classes = [int(c) for c in np.unique(labels[index])]
        self.members = [torch.from_numpy(positions[labels[index] == c]).to(device) for c in self.classes]
        self.sizes = torch.tensor([len(m) for m in self.members])
        self.table = torch.nn.utils.rnn.pad_sequence(self.members, batch_first=True)

    def _grid(self, stack: np.ndarray, patch: int, index: np.ndarray) -> Tensor:
        if self.device.type == "cpu":
            with warnings.catch_warnings():
                # The memory map is read-only, and nothing here writes.
                warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
                data = torch.from_numpy(np.asarray(stack))
        else:
            data = torch.from_numpy(np.ascontiguousarray(stack[index])).to(self.device)
        # Two unfolds give (N, rows, columns, C, patch, patch) as a view, without copying the photographs.
        return data.unfold(1, patch, patch).unfold(2, patch, patch)

    def sample(self, batch: int, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Return one float32 (batch, C, P, P) tensor a stack, equally turned, and labels (batch,).

        uint8 stacks come out in [0, 1]; floating-point stacks keep their unit. `generator` is a CPU generator: the
        draws are the same on every device.
        """
        which = torch.randint(len(self.classes), (batch,), generator=generator)
        member = (torch.rand(batch, generator=generator, dtype=torch.float64) * self.sizes[which]).long()
        row = torch.randint(self.cells[0], (batch,), generator=generator)
        column = torch.randint(self.cells[1], (batch,), generator=generator)
        element = torch.randint(8, (batch,), generator=generator)
        labels = torch.tensor(self.classes)[which].to(self.device)
        which, member, row, column, element = (t.to(self.device) for t in (which, member, row, column, element))
        photo = self.table[which, member]
        patches = []
        for view in self.views:
            cut = dih4(view[photo, row, column], element)  # before float32, which takes four times the memory
            patches.append(cut.float() / 255 if cut.dtype == torch.uint8 else cut.float())
        return patches, labels
