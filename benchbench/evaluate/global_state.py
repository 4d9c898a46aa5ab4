"""What a stranger's code may set for the whole process, and what comes after it must not meet."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from benchbench.base.plot_settings import plot_settings_as_they_were


@contextmanager
def as_it_was(seed: int | None = None) -> Iterator[None]:
    """Put back, after the block, what a stranger's code may have set.

    torch's default type, gradient mode and threads, the global random numbers, and matplotlib's settings.

    torch's own random state is put back as well, but for an attack's `perturb`, which is refused if it moves it.

    Args:
        seed: of the global random numbers of Python and NumPy within the block; None leaves them where they are.
    """
    import torch

    kind, gradients, threads = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    anomalies = torch.is_anomaly_enabled()
    python, numpy = random.getstate(), np.random.get_state()
    if seed is not None:
        random.seed(seed)
        np.random.seed(seed % 2**32)
    try:
        with plot_settings_as_they_were():
            yield
    finally:
        torch.set_default_dtype(kind)
        torch.set_grad_enabled(gradients)
        torch.autograd.set_detect_anomaly(anomalies)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        random.setstate(python)
        np.random.set_state(numpy)
