"""What a stranger's code may set for the whole process, and what comes after it must not meet."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from benchbench.base.plot_settings import plot_settings_as_they_were


class GlobalNumbers:
    """Where the global random numbers of Python and NumPy stand now."""

    def __init__(self) -> None:
        """Note where they stand."""
        # A library may have put another bit generator behind NumPy's functions.
        self._bits, self._numpy = np.random.get_bit_generator(), np.random.get_state(legacy=False)
        self._python = random.getstate()

    def moved(self) -> str:
        """Return whose have been drawn from or seeded since, for a message; empty where neither has."""
        if random.getstate() != self._python:
            return "Python's global random state"
        other = np.random.get_bit_generator() is not self._bits
        moved = other or str(np.random.get_state(legacy=False)) != str(self._numpy)
        return "NumPy's global random state" if moved else ""

    def put_back(self) -> None:
        """Put both back."""
        random.setstate(self._python)
        np.random.set_bit_generator(self._bits)
        np.random.set_state(self._numpy)


@contextmanager
def as_it_was() -> Iterator[None]:
    """Put back, after the block, what a stranger's code may have set.

    torch's default type, gradient mode and threads, the global random numbers, and matplotlib's settings.

    torch's own random state is put back as well, but for an attack's `perturb`, which is refused if it moves it.
    """
    import torch

    kind, gradients, threads = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    anomalies = torch.is_anomaly_enabled()
    numbers = GlobalNumbers()
    try:
        with plot_settings_as_they_were():
            yield
    finally:
        torch.set_default_dtype(kind)
        torch.set_grad_enabled(gradients)
        torch.autograd.set_detect_anomaly(anomalies)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        numbers.put_back()
