"""What the command `bench` starts; installed as `benchbench_launch`, a name of its own.

PyPI's `benchbench` is another project's package and has the same import name. Whoever installs it, by a slip, beside or
over this one gets its `benchbench/__init__.py`; that is said here in one sentence, where an import would end in a
traceback.
"""

from __future__ import annotations

import sys
from importlib import metadata

OTHER = "benchbench"
"""The distribution that is not ours; ours is `benchbench-forensics`."""


def foreign() -> str:
    """Return the version of the other project's package where that is installed, or nothing."""
    try:
        found = metadata.distribution(OTHER)
    except metadata.PackageNotFoundError:
        return ""
    ours = any(point.group == "benchbench.attacks" for point in found.entry_points)  # this package as 'benchbench'
    return "" if ours else found.version


def sentence() -> str:
    """Return what is wrong where the other package is installed, and what to do; nothing where it is not."""
    found = foreign()
    if not found:
        return ""
    return (
        f"'benchbench {found}' is installed, another project's package with the same import name; this one is "
        "'benchbench-forensics'. Run: pip uninstall benchbench; then, in a checkout: pip install --force-reinstall "
        "--no-deps -e ."
    )


def main() -> None:
    """Run `bench`."""
    try:
        from benchbench.cli import main as bench
    except ImportError:
        wrong = sentence()
        if not wrong:
            raise
        print(f"bench: {wrong}", file=sys.stderr)
        sys.exit(2)
    bench()
