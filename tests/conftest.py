"""What all tests share: the plugin, really installed, in a folder that this session alone sees."""

from __future__ import annotations

import io
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent / "plugin"


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Name what a failure may hang on; printed with -q too."""
    from benchbench.learn.precision import instructions
    from benchbench.protocol import cores
    from benchbench.provenance import processor, versions

    packages = ", ".join(f"{name} {version}" for name, version in versions().items())
    return [
        f"python {platform.python_version()}, {platform.system()} {platform.machine()}; {packages}",
        f"processor: {processor()}, {cores()} cores, {instructions()}",
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first, so that two processes end together (with --no-loadscope-reorder)."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def in_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `bench` here, where torch is imported already: a process of its own needs seconds for that."""
    from benchbench.cli import main

    out, err = io.StringIO(), io.StringIO()
    before, code = sys.argv, 0
    sys.argv = ["bench", *arguments]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.argv = before
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def bench_here() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line in this process."""
    return in_process


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that tests/plugin is installed in; on sys.path and, for child processes, in PYTHONPATH."""
    place = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "plugin"
    subprocess.run(["cp", "-r", str(PLUGIN), str(source)], check=True)  # a build leaves folders behind
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*command, str(place), str(source)], check=True)
    sys.path.insert(0, str(place))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(place), os.environ.get("PYTHONPATH", "")]))
    return place
