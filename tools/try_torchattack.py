"""Tries every attack of torchattack as the bridge runs it, and fills the table of docs/torchattack.md.

Run: python tools/try_torchattack.py     (some seconds; needs the extra 'torchattack')
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from benchbench.contracts.attack import CraftContext
from benchbench.evaluate.craft import craft
from benchbench_attacks.torchattack_bridge import REFUSED, all_names, bridge

PAGE = Path(__file__).resolve().parents[1] / "docs/torchattack.md"
START, END = "<!-- python tools/try_torchattack.py -->\n", "<!-- end -->"
SIZE, KNOWN = 48, 6
_SEEN: list[int] = []
"""Photographs of each call of any network: the bridge works on copies."""


class Counted(nn.Module):
    """A small network with a stage where attacks on features look for one; it writes down how many it sees."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.high = nn.Module()
        self.high.backbone = nn.Module()
        self.high.backbone.layer1 = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(4))
        self.high.backbone.layer2 = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU())
        self.last = nn.Linear(8, KNOWN)

    def forward(self, x: Tensor) -> Tensor:
        """Return log-probabilities (N, classes)."""
        _SEEN.append(len(x))
        return self.last(20 * self.high.backbone.layer2(self.high.backbone.layer1(x)).mean((2, 3))).log_softmax(1)


def row(name: str) -> str:
    """Return the line of one attack, tried on one photograph where it can be."""
    if name in REFUSED:
        return f"| {name} | refused | | {REFUSED[name]} |"
    attack, evaluator = bridge.create(name, {}), Counted().eval()
    x = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.25
    true = evaluator(x).argmax(1)
    context = CraftContext(device=x.device, known=KNOWN, seeds=(1,), cache={"evaluator": evaluator})
    _SEEN.clear()
    changed = craft(attack, x, true, (true + 1) % KNOWN, context)
    seen = sum(_SEEN) - attack.card.reads_source
    if torch.equal(changed, x):
        raise SystemExit(f"{name} changes nothing")
    return f"| {name} | {attack.card.goal} | {seen} | [{attack.card.paper}]({attack.card.paper_url}) |"


def main() -> None:
    """Fill the table."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    lines = [
        "",
        "| attack | goal | passes | paper, or why it is refused |",
        "|---|---|---|---|",
        *map(row, all_names()),
        "",
    ]
    PAGE.write_text(before + START + "\n".join([*lines, ""]) + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
