"""Random streams by name: what a photograph looks like must not depend on the order in which it is rendered."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, purpose: str, *key: int | str) -> np.random.Generator:
    """An independent generator for each (seed, purpose, key), the same on every machine."""
    text = "/".join((str(seed), purpose, *map(str, key)))
    entropy = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))
