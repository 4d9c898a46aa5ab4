"""bench list: everything that has a name, ours and what is installed beside it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from benchbench.base.errors import BenchError
from benchbench.base.names import printable
from benchbench.cli import options as opt
from benchbench.cli.text import columns
from benchbench.records.cache import default_cache

if TYPE_CHECKING:
    from benchbench.contracts.registry import Registry

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Say what there is, ours and what is installed beside it."
)


@app.command()
def attacks() -> None:
    """Attacks with what they know, their parameters and where they come from.

    Example: bench list attacks
    """
    from benchbench.contracts.attack import ATTACKS

    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for name in ATTACKS.names():
        try:
            attack = ATTACKS.create(name)
        except BenchError as error:
            rows.append((name, "", str(error), ATTACKS.origin(name), ""))
            continue
        rows.append((name, attack.card.knowledge, attack.card.title, ATTACKS.origin(name), _parameters(attack)))
        notes += [f"\n{name}: {attack.card.note}"] if attack.card.note else []
    for prefix, names in ATTACKS.bridges().items():
        rows.append((f"{prefix}:NAME", "", f"{len(names)} attacks by name", ATTACKS.origin(f"{prefix}:"), ""))
    print(columns(("name", "knows", "title", "from", "parameters"), rows))
    _print_bridges(ATTACKS)
    for note in notes:
        print(note)
    _print_failures(ATTACKS)


@app.command()
def targets() -> None:
    """Targets with backbone, preprocessor and label set.

    Example: bench list targets | grep resnet18
    """
    from benchbench.contracts.target import TARGETS

    rows = []
    for name in TARGETS.names():
        card = TARGETS.create(name).card
        rows.append((name, card.backbone, card.preprocessor, card.overlap, TARGETS.origin(name)))
    print(columns(("name", "backbone", "preprocessor", "overlap", "from"), rows))
    _print_bridges(TARGETS)
    _print_failures(TARGETS)
    print("\nFurther names, by request: <backbone>/<preprocessor>/<overlap> of whatever is installed.")
    print("See: bench list backbones, bench list preprocessors; overlaps are complete and partial.")


@app.command()
def networks() -> None:
    """The attacker's networks, trained on q, that an attack may use by name.

    Example: bench list networks
    """
    from benchbench.contracts.network import NETWORKS

    rows = [(name, NETWORKS.origin(name), NETWORKS.create(name).text) for name in NETWORKS.names()]
    print(columns(("name", "from", "what it is"), rows))
    _print_failures(NETWORKS)


@app.command()
def preprocessors() -> None:
    """Preprocessors: what a classifier makes of a photograph before its backbone sees it.

    Example: bench list preprocessors
    """
    from benchbench.contracts.preprocessor import PREPROCESSORS

    _print_summaries(PREPROCESSORS)


@app.command()
def backbones() -> None:
    """Backbones: the networks behind a preprocessor.

    Example: bench list backbones
    """
    from benchbench.contracts.backbone import BACKBONES

    _print_summaries(BACKBONES)


@app.command()
def layouts() -> None:
    """Layouts of folders of photographs, as --data LAYOUT:FOLDER names them.

    Example: bench list layouts
    """
    from benchbench.contracts.layout import LAYOUTS

    _print_summaries(LAYOUTS)


@app.command()
def datasets(cache: opt.CacheFolder = None) -> None:
    """Data sets that are built, and those that can be.

    Example: bench list datasets
    """
    rows, broken = [], []
    for path in sorted((cache or default_cache()).glob("data/*/meta.json")):
        try:
            rows.append(_dataset(path))
        except BenchError as error:
            broken.append(f"left out: {printable(str(error))}")
    if rows:
        print(columns(("name", "id", "models", "known", "size", "q", "p", "test"), rows))
    else:
        print("none built yet.")
    if broken:
        print("\n".join(broken))
    print("\nvirtual, virtual-neutral: rendered here, in the profile's numbers.  bench data build --profile quick")
    print("any folder of photographs in one of the layouts (bench list layouts).  bench data check FOLDER")


@app.command()
def metrics() -> None:
    """Metrics and their directions.

    Example: bench list metrics
    """
    from benchbench.metrics.rates import METRICS

    rows = [
        (key, about["title"], about["unit"], "higher" if about["higher"] else "lower", about["text"])
        for key, about in METRICS.items()
    ]
    print(columns(("name", "title", "unit", "better", "what it is"), rows))


@app.command()
def tasks() -> None:
    """Tasks: what targets are asked, and the metrics of their answers.

    Example: bench list tasks
    """
    from benchbench.contracts.task import TASKS

    _print_summaries(TASKS)
    rows = [
        (name, metric.title, metric.unit, "higher" if metric.higher else "lower", metric.text)
        for name in TASKS.names()
        for metric in TASKS.create(name).metrics
    ]
    print("\n" + columns(("task", "metric", "unit", "better", "what it is"), rows))


@app.command()
def conditions() -> None:
    """Conditions: what happens to a photograph between attacker and target.

    Example: bench list conditions
    """
    from benchbench.contracts.condition import CONDITIONS

    rows = [(name, CONDITIONS.origin(name), CONDITIONS.create(name).text) for name in opt.all_conditions()]
    print(columns(("name", "from", "what it is"), rows))
    _print_failures(CONDITIONS)


@app.command()
def measures() -> None:
    """Measures of what crafting did to a photograph.

    Example: bench list measures
    """
    from benchbench.contracts.measure import MEASURES

    rows = []
    for name in MEASURES.names():
        found = MEASURES.get(name)
        better = "higher" if found.higher else "lower"
        rows.append((name, MEASURES.origin(name), found.title, found.unit, better, found.text))
    print(columns(("name", "from", "title", "unit", "better", "what it is"), rows))
    _print_failures(MEASURES)


@app.command()
def papers() -> None:
    """Papers: whose tables, claims and published figures are here.

    Example: bench list papers
    """
    from benchbench.report.paper import PAPERS
    from benchbench.report.paper import papers as known

    rows = [(p.name, PAPERS.origin(p.name), str(p.year), p.title, ", ".join(p.tables())) for p in known()]
    print(columns(("name", "from", "year", "title", "tables"), rows))
    _print_failures(PAPERS)


@app.command()
def profiles() -> None:
    """Profiles: sizes and recipes of a whole benchmark.

    Example: bench list profiles
    """
    from benchbench.contracts.profile import load_profile, profile_names

    print(columns(("name", "what it is"), [(name, load_profile(name).summary) for name in profile_names()]))


def _parameters(instance: Any) -> str:
    return ", ".join(f"{f.name}={getattr(instance, f.name)!r}" for f in dataclasses.fields(instance) if f.init)


def _dataset(path: Path) -> tuple[str, ...]:
    from benchbench.contracts.photographs import Dataset
    from benchbench.contracts.roles import ROLES

    found = Dataset(path.parent)
    told = found.meta.get("photographs")
    counts = told if isinstance(told, dict) else {}
    about = (found.name, found.data_id[:8], len(found.camera_models), found.known, found.size)
    return tuple(printable(str(value)) for value in (*about, *(counts.get(role, "") for role in ROLES)))


def _print_summaries(registry: Registry[Any]) -> None:
    rows = [(name, registry.origin(name), registry.summary(name)) for name in registry.names()]
    print(columns(("name", "from", "what it is"), rows))
    _print_failures(registry)


def _print_bridges(registry: Registry[Any]) -> None:
    for prefix, names in registry.bridges().items():
        print(f"\n{prefix}: {', '.join(names)}")


def _print_failures(registry: Registry[Any]) -> None:
    for failure in registry.failures():
        print(f"not loaded: {failure}")
