"""What the server of worker processes imports (see `processes.worker_context`): what takes long and most work needs."""

import os
import threading
import time
from contextlib import suppress

with suppress(Exception):  # whoever needs them says what is wrong
    import timm  # noqa: F401
    import torch  # noqa: F401

# Marks are written where this module finds the variable.
import benchbench.base.processes  # noqa: F401


def _end_with(parent: int) -> None:
    """End with the program that started this one: `multiprocessing` lets it live as long as one of its copies.

    The system would tell of the end of a thread, whose place another thread's run may have taken.
    """
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(0)


threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
