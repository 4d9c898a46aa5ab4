"""How much levels alone tell: a small network on percentiles of pixel values, beside the clean accuracy of RGB targets.

    .venv/bin/python tools/levels_told.py

A photograph is 23 percentiles of each color, at full size and averaged over 2 x 2 and 4 x 4 pixels: black, white and
tone, and nothing of textures or of the finest scale but what noise does to the ends. The network (two hidden layers of
256) learns the six known camera models from p, from q, and from both, all of them or a part, and is asked about the
test photographs. Printed: a row a training set, mean and standard deviation over seeds, in percent.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchbench.base.progress import Quiet
from benchbench.cli import options
from benchbench.contracts.photographs import Dataset
from benchbench.harness.photographs import shown_on
from benchbench.records.cache import default_cache

PERCENTILES = (0, 0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 25, 50, 75, 90, 95, 97, 98, 99, 99.5, 99.8, 99.9, 99.95, 100)
HIDDEN, EPOCHS, BATCH, RATE, DECAY, DROPOUT = 256, 200, 64, 1e-3, 0.1, 0.3
SEEDS = 3
Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


def described(picture: NDArray[np.uint8]) -> Floats:
    """Return the percentiles of a photograph, (H, W, 3) with sides that are multiples of 4."""
    found, shown = [], picture.astype(np.float32)
    for _ in range(3):
        found.append(np.percentile(shown.reshape(-1, 3), PERCENTILES, axis=0).ravel())
        height, width, _ = shown.shape
        shown = shown.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    return np.concatenate(found).astype(np.float32)


def told(dataset: Dataset, role: str) -> tuple[Floats, Labels]:
    """Return the percentiles of a role's photographs by known camera models, and whose they are."""
    photos = dataset.photos(role)  # type: ignore[arg-type]
    camera = np.array(photos.camera, np.int64)
    rows = np.flatnonzero(camera < dataset.known)
    return np.stack([described(np.array(photos.images[row])) for row in rows]), camera[rows]


def accuracy(train: tuple[Floats, Labels], test: tuple[Floats, Labels], classes: int, seed: int) -> float:
    """Train a network and return the share of test photographs that it names right."""
    torch.manual_seed(seed)
    mean, spread = train[0].mean(0), train[0].std(0) + 1e-3
    x, asked = (torch.from_numpy((found - mean) / spread) for found, _ in (train, test))
    y = torch.from_numpy(train[1])
    layers: list[nn.Module] = []
    for size in (x.shape[1], HIDDEN):
        layers += [nn.Linear(size, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT)]
    network = nn.Sequential(*layers, nn.Linear(HIDDEN, classes))
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        return float((network.eval()(asked).argmax(1).numpy() == test[1]).mean())


def main() -> None:
    """Describe, train, ask, print."""
    parser = argparse.ArgumentParser(description="How much levels alone tell of a camera model.")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where the photographs are")
    cache = parser.parse_args().cache
    torch.set_num_threads(1)  # the network is small: more threads wait for each other
    asked = options.request(["identity"], ["resnet18/rgb/complete"], "quick", "in,out", "virtual", None, None)
    dataset = asked.source.build(cache, os.cpu_count() or 1, shown_on(Quiet()))
    p, q, test = (told(dataset, role) for role in ("p", "q", "test"))
    both = np.concatenate([p[0], q[0]]), np.concatenate([p[1], q[1]])
    for name, (found, camera), share in (
        ("p", p, 0.25),
        ("p", p, 1),
        ("q", q, 1),
        ("both", both, 0.5),
        ("both", both, 1),
    ):
        rates = []
        for seed in range(SEEDS):
            rows = np.random.default_rng(seed).permutation(len(camera))[: round(share * len(camera))]
            rates.append(100 * accuracy((found[rows], camera[rows]), test, dataset.known, seed))
        print(f"{name}\t{len(rows)}\t{np.mean(rates):.1f}\t{np.std(rates, ddof=1):.1f}", flush=True)


if __name__ == "__main__":
    main()
