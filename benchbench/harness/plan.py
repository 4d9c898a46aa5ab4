"""What a run would do: cells present, missing or skipped, the fits they need, and how long that takes."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import BenchError, StoreError, UnknownNameError
from benchbench.base.identity import cell_id, craft_id, digest, plain, source_digest
from benchbench.base.names import check_name
from benchbench.contracts.attack import Attack
from benchbench.contracts.fit import Fit, Setup, collect
from benchbench.contracts.origin import stamp
from benchbench.contracts.profile_names import check_mentioned
from benchbench.contracts.protocol import LAST_SEED, Protocol
from benchbench.contracts.scenario import SCENARIOS, scenario_fits, split_identity
from benchbench.contracts.source import Facts
from benchbench.contracts.target import Target
from benchbench.contracts.trials import Split, is_targeted, trials
from benchbench.harness.executors.jobs import imports_of
from benchbench.harness.pace import cost_of, crossing_seconds, measured_fits, pace, rate
from benchbench.harness.reasons import OTHER_PIXELS, moved, not_asked, why_not
from benchbench.records.cache import Cache
from benchbench.records.cell import Cell
from benchbench.records.cells import CellStore

State = Literal["present", "missing", "stale", "skipped"]
"""stale: a cell is there, of something that has changed since; a run computes the place again."""
STATES: tuple[State, ...] = ("present", "missing", "stale", "skipped")


@dataclass(frozen=True, kw_only=True)
class PlannedCell:
    """One attack, one target, one split, and what stands in the results folder."""

    attack: Attack
    target: Target
    split: Split
    protocol: Protocol
    craft_id: str
    cell_id: str
    path: Path
    state: State
    reason: str = ""
    """Why it is skipped or stale."""
    note: str = ""
    """What a reader should know of a cell that is present."""
    fingerprint: str = ""
    """Of the photographs of a cell that is present."""

    @property
    def label(self) -> str:
        """A short name for messages."""
        return f"{self.attack.name} x {self.target.name} ({self.split})"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The cells asked for, in order, and the fits that the missing ones need, parents first."""

    setup: Setup
    cells: tuple[PlannedCell, ...]
    fits: Mapping[str, Fit] = field(default_factory=dict)
    """By fit_id: all that missing cells need, without what finished networks were trained on."""
    missing_fits: frozenset[str] = frozenset()
    seconds_fits: float = 0.0
    """Estimated core seconds."""
    seconds_crossing: float = 0.0
    costs: Mapping[str, float] = field(default_factory=dict)
    """Estimated seconds by fit_id, of the missing fits."""
    broken: Mapping[str, str] = field(default_factory=dict)
    """Attacks and targets that cannot say what they need, with the reason; they have no cell here."""
    rate: float = 0.0
    """Seconds of one core of this machine for a unit of `Fit.cost`."""

    def needed(self, fits: Mapping[str, Fit]) -> dict[str, Fit]:
        """Return what must be there before `fits` can be used, these included, without what finished networks grew on.

        By fit_id, parents first.
        """
        return collect(fits, self.setup.data_id, lambda fit_id: fit_id not in self.missing_fits)

    @property
    def imports(self) -> tuple[str, ...]:
        """Modules that its fits import, see `Fit.imports`."""
        return imports_of(self.fits.values())

    def having(self, *states: State) -> list[PlannedCell]:
        """Return the cells in any of these states."""
        return [cell for cell in self.cells if cell.state in states]

    @property
    def wanted(self) -> list[PlannedCell]:
        """Return the cells that a run computes."""
        return self.having("missing", "stale")


def attack_fits(attack: Attack, setup: Setup) -> dict[str, str]:
    """Return the fit ids of an attack by name."""
    return {name: fit.fit_id(setup.data_id) for name, fit in attack.fits(setup).items()}


def target_fits(target: Target, setup: Setup) -> dict[str, str]:
    """Return the fit ids of a target by name."""
    return {name: fit.fit_id(setup.data_id) for name, fit in target.fits(setup).items()}


def identities(
    attack: Attack, target: Target, split: Split, setup: Setup, protocol: Protocol, ids: Mapping[str, Mapping[str, str]]
) -> tuple[str, str]:
    """Return (craft_id, cell_id), the same as `benchbench.records.cells.identify` finds from the record.

    Args:
        ids: fit ids of 'attack' and 'target', by name.
    """
    seen = {"spec": target.spec(), "fits": ids["target"]} if attack.card.knowledge == "white-box" else None
    pictures = split_identity(split, scenario_fits(split, setup))
    craft = craft_id(attack.spec(), ids["attack"], setup.data_id, pictures, protocol, seen)
    return craft, cell_id(craft, target.spec(), ids["target"], target.card.task)


def clean_id(target: Target, setup: Setup, split: Split) -> str:
    """Return the id of what a target makes of the unattacked photographs of a split."""
    pictures = split_identity(split, scenario_fits(split, setup))
    value = {"target": target.spec(), "fits": target_fits(target, setup), "data": setup.data_id, "split": pictures}
    task = target.card.task
    return digest("clean", value if task == "classification" else value | {"task": task})


def make_plan(
    attacks: Sequence[Attack],
    targets: Sequence[Target],
    splits: Sequence[Split],
    *,
    setup: Setup,
    protocols: Sequence[Protocol],
    facts: Facts,
    store: CellStore,
    cache: Cache,
    stored: Container[str] = frozenset(),
    device: str = "cpu",
) -> Plan:
    """Look up what is there and find out what is missing. Trains and crafts nothing.

    Args:
        attacks, targets, splits, setup, protocols, facts: what to cross, on what, judged how.
        store: cells that are there.
        cache: fits that are there.
        stored: ids of fits that can be had without training, from a store or the zoo.
        device: that would compute them, as torch names it; its own fits tell the pace.

    Raises:
        BenchError: two attacks or targets of one name and identity, or a split that does not exist.
        StoreError: a cell that this plan needs is damaged.
    """
    broken: dict[str, str] = {}
    attacks = _working("attack", attacks, setup, broken)
    targets = _working("target", targets, setup, broken)
    if not attacks or not targets:
        raise BenchError(next(iter(broken.values()), "no attack or no target is asked for."))
    _check(attacks, targets, splits, setup, facts)
    ids_attack = [attack_fits(a, setup) for a in attacks]
    ids_target = [target_fits(t, setup) for t in targets]
    sources = {id(thing): source_digest(thing) for thing in (*attacks, *targets)}
    standing = _Standing(store)
    of_photographs = {split: SCENARIOS.create(split).photographs for split in splits}
    cells = []
    asked = [p if p.wanted is not None else replace(p, wanted=setup.profile.wanted) for p in protocols]
    for a, attack in enumerate(attacks):
        for protocol in asked:
            for split in splits:
                asked_for = why_not(attack, setup, facts, split, protocol)
                for t, target in enumerate(targets):
                    reason = asked_for or not_asked(target, split)
                    ids = {"attack": ids_attack[a], "target": ids_target[t]}
                    craft, cell = identities(attack, target, split, setup, protocol, ids)
                    path = store.path(facts.name, setup.profile.name, attack.name, target.name, split, cell)
                    state: State = "skipped" if reason else "missing"
                    why, note = reason, ""
                    found = None if reason else store.look_up(path, cell)
                    pixels = found.split.fingerprint if found is not None and of_photographs[split] else ""
                    if pixels and facts.fingerprint not in ("", pixels):
                        state, why = "stale", OTHER_PIXELS
                    elif found is not None:
                        state = "present"
                        note = moved(found, sources[id(attack)], sources[id(target)])
                    elif not reason and (why := _outdated(standing, path, attack, target, setup, protocol, ids)):
                        state = "stale"
                    cells.append(
                        PlannedCell(
                            attack=attack,
                            target=target,
                            split=split,
                            protocol=protocol,
                            craft_id=craft,
                            cell_id=cell,
                            path=path,
                            state=state,
                            reason=why,
                            note=note,
                            fingerprint=pixels,
                        )
                    )
    missing = [cell for cell in cells if cell.state in ("missing", "stale")]

    def there(fit_id: str) -> bool:
        return cache.has(fit_id) or fit_id in stored

    fits = _fits_of(missing, setup, there)
    absent = {fit_id: fit for fit_id, fit in fits.items() if not there(fit_id)}
    known = measured_fits(cache, device) if missing else []
    own = pace(known) if missing else 0.0
    work = {fit_id: cost_of(fit) for fit_id, fit in absent.items()}
    costs = {fit_id: cost * rate(cost, known, own) for fit_id, cost in work.items()}
    return Plan(
        setup=setup,
        cells=tuple(cells),
        fits=fits,
        missing_fits=frozenset(absent),
        seconds_fits=sum(costs.values()),
        seconds_crossing=sum(
            seconds_together(mine, facts.camera, setup, facts.size, own) for mine in together(missing).values()
        ),
        costs=costs,
        broken=broken,
        rate=own,
    )


def check_names(attacks: Sequence[Attack]) -> None:
    """Refuse attacks that differ in parameters alone, where results go by the attack's name.

    Raises:
        BenchError: two attacks of one name.
    """
    names = [attack.name for attack in attacks]
    for name in names:
        if names.count(name) > 1:
            raise BenchError(
                f"attack '{name}' is asked for {names.count(name)} times; here one set of parameters at a time."
            )


Thing = TypeVar("Thing", Attack, Target)


def _working(kind: str, things: Sequence[Thing], setup: Setup, broken: dict[str, str]) -> list[Thing]:
    """Return what can say what it needs; put a sentence for each of the others into `broken`.

    Raises:
        BenchError: one has a name that no file could have.
    """
    found = []
    for thing in things:
        stamp(thing)
        try:
            collect(thing.fits(setup), setup.data_id)
            thing.spec()
        except UnknownNameError:
            raise  # what the user wrote, such as a backbone that is not installed
        except Exception as error:  # a stranger's code may raise anything; it is named, and the others are planned
            own = isinstance(error, BenchError)
            told = str(error) if own else f"{type(error).__name__}: {error}."
            broken[thing.name] = f"{kind} '{thing.name}' cannot say what it needs: {told}"
        else:
            check_name(kind, thing.name, slashes=kind == "target")
            found.append(thing)
    return found


def _check(
    attacks: Sequence[Attack], targets: Sequence[Target], splits: Sequence[Split], setup: Setup, facts: Facts
) -> None:
    check_name("profile", setup.profile.name)
    if setup.profile.digest:  # a built-in one is held to this by a test
        check_mentioned(setup.profile)
    check_name("data set", facts.name)
    for model in facts.camera_models:
        check_name("camera model", model)
    if not 0 <= setup.seed <= LAST_SEED:
        raise BenchError(f"seed {setup.seed}; 0 to {LAST_SEED} is expected.")
    for split in splits:
        if split not in SCENARIOS:
            raise SCENARIOS.unknown(split)
    for kind, names in (("attack", [a.spec() for a in attacks]), ("target", [t.name for t in targets])):
        twice = [item for i, item in enumerate(names) if item in names[:i]]
        if twice:
            name = twice[0]["name"] if isinstance(twice[0], dict) else twice[0]
            raise BenchError(f"{kind} '{name}' is asked for twice in one run.")


class _Standing:
    """The readable cells in a place of the results folder, each file read once a plan."""

    def __init__(self, store: CellStore) -> None:
        self._store = store
        self._folders: dict[Path, dict[str, list[Path]]] = {}
        self._cells: dict[Path, Cell | None] = {}

    def beside(self, path: Path) -> list[Cell]:
        """Return the cells of the same attack, target and split as the one that `path` is for."""
        if path.parent not in self._folders:
            places: dict[str, list[Path]] = {}
            for other in sorted(path.parent.glob("*.json")):
                places.setdefault(other.name.rpartition("-")[0], []).append(other)
            self._folders[path.parent] = places
        others = self._folders[path.parent].get(path.name.rpartition("-")[0], [])
        return [cell for other in others if (cell := self._read(other)) is not None] + self._store.beside(path)

    def _read(self, path: Path) -> Cell | None:
        if path not in self._cells:
            try:
                self._cells[path] = self._store.read(path)
            except StoreError:
                self._cells[path] = None
        return self._cells[path]


def _outdated(
    standing: _Standing,
    path: Path,
    attack: Attack,
    target: Target,
    setup: Setup,
    protocol: Protocol,
    ids: Mapping[str, Mapping[str, str]],
) -> str:
    """Return why the cell that stands in this place is no longer the one wanted; an empty string if none stands there.

    The newest cell with the same parameters and protocol is the one to blame; an unreadable one is not.
    """
    reasons = []
    for cell in standing.beside(path):
        if cell.attack.params != attack.spec()["params"] or cell.protocol != plain(protocol):
            continue
        if cell.dataset.data_id != setup.data_id:
            why = "the photographs have changed"
        elif cell.attack.version != attack.card.version:
            why = f"attack '{attack.name}' has version {attack.card.version}, the cell {cell.attack.version}"
        elif cell.target.version != target.card.version:
            why = f"target '{target.name}' has version {target.card.version}, the cell {cell.target.version}"
        elif cell.attack.fits != ids["attack"]:
            why = f"the networks of attack '{attack.name}' have another recipe or seed"
        elif cell.target.fits != ids["target"]:
            why = f"the networks of target '{target.name}' have another recipe or seed"
        else:
            why = f"the parameters of target '{target.name}' have changed"
        reasons.append((str(cell.provenance.get("utc", "")), why))
    return max(reasons)[1] if reasons else ""


def _fits_of(cells: Sequence[PlannedCell], setup: Setup, there: Callable[[str], bool]) -> dict[str, Fit]:
    roots: dict[str, Fit] = {}
    for attack in {id(cell.attack): cell.attack for cell in cells}.values():
        roots |= {f"attack/{id(attack)}/{name}": fit for name, fit in attack.fits(setup).items()}
    for target in {id(cell.target): cell.target for cell in cells}.values():
        roots |= {f"target/{id(target)}/{name}": fit for name, fit in target.fits(setup).items()}
    for split in {cell.split for cell in cells}:
        roots |= {f"split/{split}/{name}": fit for name, fit in SCENARIOS.create(split).fits(setup).items()}
    return collect(roots, setup.data_id, there)


def craft_key(cell: PlannedCell) -> str:
    """Return what cells share whose photographs are crafted once: all of craft_id but how they are judged."""
    white_box = cell.target.name if cell.attack.card.knowledge == "white-box" else ""
    shared = {
        "attack": cell.attack.spec(),
        "split": cell.split,
        "seed": cell.protocol.seed,
        "wanted": cell.protocol.wanted,
        "limit": cell.protocol.limit,
    }
    return digest("shared", shared) + white_box


def together(cells: Sequence[PlannedCell]) -> dict[str, list[PlannedCell]]:
    """Return the cells whose photographs are crafted once, by `craft_key`."""
    found: dict[str, list[PlannedCell]] = {}
    for cell in cells:
        found.setdefault(craft_key(cell), []).append(cell)
    return found


def seconds_together(
    cells: Sequence[PlannedCell], camera: NDArray[np.int64], setup: Setup, size: int, rate: float
) -> float:
    """Return a first guess at the core seconds of cells whose photographs are crafted once."""
    targeted = is_targeted(cells[0].attack, (cell.protocol for cell in cells))
    protocol, split = cells[0].protocol, cells[0].split
    true = SCENARIOS.create(split).true(setup, camera)
    every = trials(true, setup.known, split, targeted, protocol.wanted, protocol.limit)
    return crossing_seconds(len(every), cells[0].attack, [cell.target for cell in cells], setup, size, rate)
