"""What the server of worker processes imports (see `processes.worker_context`): what takes long and most work needs."""

from contextlib import suppress

from benchbench.base.processes import die_with_parent

with suppress(ImportError):  # whoever needs them says so
    import timm  # noqa: F401
    import torch  # noqa: F401

die_with_parent()  # `multiprocessing` lets it live as long as one of its copies
