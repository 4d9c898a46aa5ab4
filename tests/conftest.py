"""What all tests share: the plugin, really installed, in a folder that this session alone sees."""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from benchbench.contracts.attack import ATTACKS
from benchbench.contracts.backbone import BACKBONES
from benchbench.contracts.condition import CONDITIONS
from benchbench.contracts.layout import LAYOUTS
from benchbench.contracts.measure import MEASURES
from benchbench.contracts.preprocessor import PREPROCESSORS
from benchbench.contracts.profile import load_profile
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.target import TARGETS
from benchbench.contracts.task import TASKS
from benchbench.harness.options import RunOptions
from benchbench.harness.run import run
from benchbench.harness.summary import RunSummary
from benchbench.report.catalog import owners
from benchbench.report.groups import condition_texts
from benchbench.report.leaderboard import leaderboard_columns
from benchbench.report.means import places
from benchbench.report.paper import PAPERS, papers

PLUGIN = Path(__file__).parent / "plugin"


# Drawing the first input may take seconds: hypothesis makes its tables of Unicode then, on a machine that may be busy.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Ray makes its workers 15 nicer than the rest: beside the tests of another process they would hardly run at all.
    os.environ.setdefault("RAY_worker_niceness", "0")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Name what a failure may hang on; printed with -q too."""
    from benchbench.base.processes import cores
    from benchbench.base.provenance import processor, versions

    packages = ", ".join(f"{name} {version}" for name, version in versions().items())
    return [
        f"python {platform.python_version()}, {platform.system()} {platform.machine()}; {packages}",
        f"processor: {processor()}, {cores()} cores",
        *([] if config.getoption("numprocesses", None) else [kernels()]),
    ]


def kernels() -> str:
    from benchbench.learn.precision import instructions

    return f"torch: {instructions()}"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say the rest of the header from one of xdist's workers: its parent would import torch for this line alone."""
    if getattr(session.config, "workerinput", {}).get("workerid") == "gw0":
        print(kernels(), file=sys.__stderr__, flush=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first, so that all processes end together (with --no-loadscope-reorder)."""
    expected = Counter[Path]()
    for item in items:
        expected[item.path] += 100 if item.get_closest_marker("slow") else 1
    items.sort(key=lambda item: (-expected[item.path], item.path))


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
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A profile with the networks of `smoke` and a fraction of its photographs, which take longer to render."""
    from benchbench.contracts import profile

    text = (Path(profile.__file__).parent / "profiles" / "smoke.toml").read_text(encoding="utf-8")
    many = "size = 64\nscenes = 8\nq_per_device = 5\np_per_device = 5\ntest_per_class = 2\n"
    assert many in text
    few = "size = 32\nscenes = 3\nq_per_device = 1\np_per_device = 2\ntest_per_class = 1\n"
    file = tmp_path_factory.mktemp("profile") / "tiny.toml"
    text = text.replace(many, few).replace('name = "smoke"', 'name = "tiny"')
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that tests/plugin is installed in; on sys.path and, for child processes, in PYTHONPATH."""
    place = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "plugin"
    subprocess.run(["cp", "-r", str(PLUGIN), str(source)], check=True)  # a build leaves folders behind
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*command, str(place), str(source)], check=True)
    sys.path.insert(0, str(place))
    for registry in (ATTACKS, TARGETS, PREPROCESSORS, BACKBONES, LAYOUTS, TASKS, CONDITIONS, MEASURES, PAPERS):
        registry.reload()  # tests before this one may have asked for a name
    for memory in (papers, condition_texts, owners, leaderboard_columns, places):
        memory.cache_clear()
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(place), os.environ.get("PYTHONPATH", "")]))
    return place


@pytest.fixture
def our_papers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two papers and our conditions alone: another test may have installed the plugin in this process."""
    known = (papers, owners, leaderboard_columns, condition_texts, places)
    monkeypatch.setattr(PAPERS, "names", lambda: ["augmented2020", "cama2020"])
    monkeypatch.setattr(CONDITIONS, "names", lambda: ["uint8", "float", "jpeg-90", "jpeg-75", "jpeg-target"])
    for function in known:
        function.cache_clear()
    yield
    for function in known:
        function.cache_clear()


@pytest.fixture
def all_papers(our_papers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The papers that come with benchbench, and no plugin's."""
    monkeypatch.setattr(PAPERS, "names", lambda: ["augmented2020", "cama2020", "siamte2020", "spoc2019"])


@pytest.fixture
def bench(plugin: Path, tmp_path: Path) -> Callable[..., RunSummary]:
    """Return run() with defaults; keywords: attacks, targets, where (a name for cache and results), others."""
    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift
    from benchbench_stega.toys import Toy

    def call(
        attacks: list[Any] | None = None,
        targets: list[Any] | None = None,
        splits: tuple[str, ...] = ("in", "out"),
        *,
        where: str = "a",
        workers: int = 1,
        batch: int = 4,
        protocols: list[Protocol] | None = None,
        source: Any = None,
        **more: Any,
    ) -> RunSummary:
        options = more.pop("options", None) or RunOptions(
            workers=workers, batch=batch, cache=tmp_path / where / "c", results=tmp_path / where / "r"
        )
        return run(
            attacks or [Shift()],
            targets or [Toy(look="rgb", overlap="complete"), Toy(look="gray", overlap="partial")],
            splits,  # type: ignore[arg-type]
            protocols=protocols or [Protocol()],
            profile=load_profile("smoke"),
            source=source or Colors(),
            options=options,
            **more,
        )

    return call


def facts(results: Path) -> dict[str, Any]:
    """Return all cells with their crafts by file, without what may differ between runs: provenance, digests."""
    crafts = {}
    for path in results.rglob("crafts/*/*.json"):
        record = json.loads(path.read_text())
        crafts[record["craft_id"]] = record
    found = {}
    for path in sorted(results.rglob("cells/*/*.json")):
        record = json.loads(path.read_text())
        record = crafts[record["craft_id"]] | record
        del record["provenance"], record["content"]
        found[path.name] = record
    return found


@pytest.fixture
def cell_facts() -> Callable[[Path], dict[str, Any]]:
    return facts
