"""Cells that may stand in one table: the same photographs, profile and protocol, and one cell a place."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from benchbench.base.identity import canonical_json
from benchbench.contracts.condition import CONDITIONS
from benchbench.contracts.task import TASKS
from benchbench.metrics import rates
from benchbench.records.cell import CLASSIFICATION, Cell
from benchbench.report.paper import attack_order, grid, labels
from benchbench.report.variants import named_apart, suffixes

LIMIT_PSNR = 35.0
"""dB: where attacks aim at, and so the budget of the limit that they are held against."""
SPLITS = ("in", "out")
"""The test photographs; what the tables of success are about."""


@dataclass(frozen=True)
class AttackRow:
    """One attack with one set of parameters."""

    name: str
    params: str
    """Canonical JSON."""
    label: str
    control: bool = False
    baseline: bool = False
    white_box: bool = False
    """It was given the target itself."""
    limit: bool = False
    """It knows the scene: what it scores is what could be reached, and no result."""
    goal: str = "forge"

    @property
    def ranked(self) -> bool:
        """Say whether the attack competes: controls, filters, limits and attacks that were given the target do not."""
        return not (self.control or self.baseline or self.white_box or self.limit)

    @property
    def apart(self) -> tuple[bool, bool, bool, bool]:
        """What tables sort by first: attacks, those that were given the target, limits, plain filters, controls."""
        return self.control and not self.limit, self.baseline, self.limit, self.white_box

    @property
    def key(self) -> str:
        """Name and parameters: what tells two rows apart."""
        return self.name if self.params in ("", "{}") else f"{self.name} {self.params}"


@dataclass(frozen=True)
class Group:
    """The newest cells of one data set, profile and protocol."""

    dataset: str
    data_id: str
    profile: str
    protocol: str
    """Canonical JSON."""
    settings: dict[str, Any]
    """The protocol as a mapping."""
    cells: tuple[Cell, ...] = ()
    left_out: int = 0
    """Cells of older versions, or computed again since."""
    fingerprint: str = ""
    """Of the pixels and labels of the test photographs: another version of a library renders others."""
    profile_digest: str = ""
    """What a profile from a file said, see `Profile.digest`."""
    apart: bool = False
    """Another group has the same names and settings, of those that facts tell: it differs in photographs, in what its
    profile said, or in the protocol's version or how many models are wanted of each photograph."""
    others: tuple[Cell, ...] = ()
    """Cells of other tasks than classification: their outcomes have no TSR and USR."""
    erased: tuple[Cell, ...] = ()
    """Cells of classification whose attack erases and forges nothing: no table of success at forging shows them."""

    elsewhere: tuple[Cell, ...] = ()
    """Cells of classification on other splits than `in` and `out`, such as synthetic pictures: papers show them."""

    whole: Group | None = None
    """The group that this one shows without plain filters."""

    @property
    def condition(self) -> str:
        """What the target was shown: uint8, float, ..."""
        return str(self.settings.get("condition", "uint8"))

    @property
    def track(self) -> str:
        """The budget: 'native', or '35 dB' where every perturbation is rescaled."""
        return track(self.settings)

    @property
    def standing(self) -> tuple[bool, str, int, str]:
        """Where its tables stand among those of other budgets and conditions: behind those of the paper's protocol."""
        return self.track != "native", self.track, condition_order(self.condition), self.condition

    @property
    def seed(self) -> int:
        """The seed of training and crafting."""
        return int(self.settings.get("seed", 0))

    @property
    def name(self) -> str:
        """The group for people: 'virtual, quick, uint8, native'."""
        limit = self.settings.get("limit")
        part = f", {limit} photograph{'s' * (limit != 1)} a camera model" if limit is not None else ""
        which = f" ({self.told})" if self.apart else ""
        seed = f", seed {self.seed}" if self.seed else ""
        return f"{self.dataset}{which}, {self.profile}, {self.condition}, {self.track}{part}{seed}"

    @property
    def told(self) -> str:
        """What tells the group from another of the same names: 'photographs 1234abcd, profile 5678cdef'."""
        profile = f", profile {self.profile_digest[:8]}" if self.profile_digest else ""
        wanted = self.settings.get("wanted")
        each = f", {wanted} wanted of each" if wanted is not None else ""
        return f"photographs {self.fingerprint[:8]}{profile}, protocol {self.settings.get('version', 1)}{each}"

    @property
    def facts(self) -> dict[str, str]:
        """What tells this group apart, as text."""
        limit = self.settings.get("limit")
        return {
            "dataset": self.dataset + (f" ({self.told})" if self.apart else ""),
            "data_id": self.data_id,
            "profile": self.profile,
            "condition": self.condition,
            "budget": self.track,
            "seed": str(self.seed),
            **({"limit": str(limit)} if limit is not None else {}),
        }

    @cached_property
    def attacks(self) -> tuple[AttackRow, ...]:
        """The attacks that have cells: the paper's in its order, others by name, white-box ones, controls."""
        return self._rows(self.cells)

    @cached_property
    def thin(self) -> tuple[AttackRow, ...]:
        """The attacks scored in less than half as many places of the papers' settings as the one scored in most."""
        names = set(grid())
        often = Counter(attack_key(c) for c in self.cells if c.target.name in names)
        most = max(often.values(), default=0)
        return tuple(a for a in self.attacks if 2 * often[a.name, a.params] < most)

    @cached_property
    def broad(self) -> tuple[AttackRow, ...]:
        """The other attacks, which tables over those settings are of."""
        thin = {attack.key for attack in self.thin}
        return tuple(a for a in self.attacks if a.key not in thin)

    @cached_property
    def of_cameras(self) -> Group:
        """The group without tasks that ask whether a camera took a picture: an eraser hides which one did."""
        kept = tuple(c for c in self.others if c.target.task not in TASKS or not TASKS.get(c.target.task).synthetic)
        return self if len(kept) == len(self.others) else replace(self, others=kept)

    @cached_property
    def judged_attacks(self) -> tuple[AttackRow, ...]:
        """The attacks that have cells of other tasks than classification, whatever their goal, in the same order."""
        return self._rows(self.others)

    def _rows(self, cells: Sequence[Cell]) -> tuple[AttackRow, ...]:
        rank = {name: i for i, name in enumerate(attack_order())}
        known = labels()
        seen: dict[tuple[str, str], Cell] = {}
        often = Counter(map(attack_key, cells))
        for cell in cells:
            seen.setdefault(attack_key(cell), cell)
        sets: dict[str, dict[str, tuple[dict[str, Any], int]]] = {}
        for (name, params), cell in seen.items():
            sets.setdefault(name, {})[params] = cell.attack.params, often[name, params]
        told = {name: suffixes(mine) for name, mine in sets.items()}
        rows = []
        for (name, params), cell in seen.items():
            limit = cell.attack.knowledge == "oracle"
            label = known.get(name, cell.attack.title) + told[name][params]
            white_box = cell.attack.knowledge == "white-box"
            label += " (white-box)" if white_box else " (limit)" if limit else ""
            made = cell.attack
            rows.append(AttackRow(name, params, label, made.control, made.baseline, white_box, limit, made.goal))
        called = Counter(row.label for row in rows)
        rows = [replace(r, label=f"{r.label} ({r.name})") if called[r.label] > 1 else r for r in rows]
        return tuple(sorted(rows, key=lambda r: (*r.apart, rank.get(r.name, len(rank)), r.name, r.params)))

    @cached_property
    def limit(self) -> AttackRow | None:
        """The attack that knows the scene and keeps to `LIMIT_PSNR`, or None where none was run."""
        for row in self.attacks:
            if row.limit and json.loads(row.params or "{}").get("psnr") == LIMIT_PSNR:
                return row
        return None

    @cached_property
    def derived(self) -> dict[Any, Any]:
        """Where what several views show of a group may be kept, so that a report computes it once."""
        return {}

    @cached_property
    def without_baselines(self) -> Group:
        """The group without plain filters."""
        every = (self.cells, self.others, self.elsewhere)
        cells, others, elsewhere = (tuple(c for c in found if not c.attack.baseline) for found in every)
        return replace(self, cells=cells, others=others, elsewhere=elsewhere, whole=self)

    @cached_property
    def _index(self) -> dict[tuple[str, str, str, str], Cell]:
        return {(*attack_key(c), c.target.name, c.split.name): c for c in self.cells}

    @cached_property
    def _crossed(self) -> dict[tuple[str, str, str], list[Cell]]:
        found: dict[tuple[str, str, str], list[Cell]] = {}
        for c in sorted(self.cells, key=lambda c: c.target.name):
            found.setdefault((*attack_key(c), c.split.name), []).append(c)
        return found

    def cell(self, attack: AttackRow, target: str, split: str) -> Cell | None:
        """Return the cell of one place, or None."""
        return self._index.get((attack.name, attack.params, target, split))

    def of(self, attack: AttackRow, split: str) -> list[Cell]:
        """Return the cells of one attack on one split, by target name."""
        return self._crossed.get((attack.name, attack.params, split), [])

    def similarity(self, attack: AttackRow, split: str) -> tuple[float | None, float | None]:
        """Return (mean SSIM, mean absolute difference in gray levels) of what one attack crafted on one split."""
        crafts = self._crafts(attack, split)
        return mean_or_none([rates.ssim_mean(c) for c in crafts]), mean_or_none([rates.l1_mean(c) for c in crafts])

    def measure(self, attack: AttackRow, split: str, name: str) -> float | None:
        """Return the mean of any measure of what one attack crafted on one split; None where a craft lacks it.

        A craft that was made twice, and measured so once, has it.
        """
        found: dict[str, float | None] = {}
        for cell in self.of(attack, split):
            if found.get(cell.craft.craft_id) is None:
                found[cell.craft.craft_id] = rates.measure_mean(cell, name)
        return mean_or_none([found[craft_id] for craft_id in sorted(found)])

    def surrogate(self, attack: AttackRow, split: str, stream: str | None = None) -> float | None:
        """Return the targeted success on the attack's own evaluator, or one stream of it, or None where it has none."""
        return mean_or_none([rates.own_evaluator(c, stream) for c in self._crafts(attack, split)])

    @cached_property
    def streams(self) -> tuple[str, ...]:
        """The streams of all attacks' own evaluators, by name."""
        return tuple(sorted({name for c in self.cells for name in c.craft.stream_hits}))

    def psnr(self, attack: AttackRow, split: str) -> tuple[float | None, int, int]:
        """Return (mean PSNR in dB or None, unchanged images, images) of what one attack crafted on one split.

        A black-box attack crafts once for all targets; a white-box one for each, and the mean is over them.
        """
        crafts = self._crafts(attack, split)
        unchanged = sum(sum(c.craft.identical) for c in crafts)
        made = unchanged + sum(sum(rates.changed_images(c)) for c in crafts)
        return mean_or_none([rates.psnr_mean(c) for c in crafts]), unchanged, made

    def _crafts(self, attack: AttackRow, split: str) -> list[Cell]:
        """Return one cell for each time that one attack crafted one split, in the order of the craft ids."""
        key = ("crafts", attack.key, split)
        if key not in self.derived:
            crafts = {c.craft.craft_id: c for c in self.of(attack, split)}
            self.derived[key] = [crafts[craft_id] for craft_id in sorted(crafts)]
        found: list[Cell] = self.derived[key]
        return found


@cache
def condition_texts() -> dict[str, str]:
    """Return what each condition that is installed here means, in the order of tables."""
    known = [CONDITIONS.create(name) for name in CONDITIONS.names()]
    return {c.name: c.text for c in sorted(known, key=lambda c: (c.order, c.name))}


def condition_order(name: str) -> int:
    """Return where a condition stands in tables; one that is not installed here comes last."""
    known = list(condition_texts())
    return known.index(name) if name in known else len(known)


def track(settings: Mapping[str, Any]) -> str:
    """Return the budget of a protocol's record as `Protocol.track` names it."""
    budget = settings.get("budget")
    return "native" if budget is None else f"{budget:g} dB"


def attack_key(cell: Cell) -> tuple[str, str]:
    """Return (name, parameters as canonical JSON) of a cell's attack."""
    return cell.attack.key


def mean(values: Sequence[float]) -> float:
    """Return the mean; the sum is exact, so the order of the values cannot show."""
    return math.fsum(values) / len(values)


def mean_or_none(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None if anything is missing: a mean of the rest would compare with nothing."""
    known = [v for v in values if v is not None]
    return mean(known) if known and len(known) == len(values) else None


def _newest(cells: Sequence[Cell]) -> list[Cell]:
    """Return one cell a place, of the highest version of its attack and its target."""
    cells = _last_of_files(cells)
    attack_version: dict[tuple[str, str], int] = {}
    target_version: dict[str, int] = {}
    for c in cells:
        key, name = attack_key(c), c.target.name
        attack_version[key] = max(attack_version.get(key, 0), c.attack.version)
        target_version[name] = max(target_version.get(name, 0), c.target.version)
    kept: dict[tuple[str, str, str, str], Cell] = {}
    for c in sorted(cells, key=lambda c: (str(c.provenance.get("utc", "")), c.cell_id)):
        key, name = attack_key(c), c.target.name
        if c.attack.version == attack_version[key] and c.target.version == target_version[name]:
            kept[(*key, name, c.split.name)] = c
    return [kept[k] for k in sorted(kept)]


def _last_of_files(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells without those of earlier states of a file: an attack that somebody works on is one row."""
    last: dict[tuple[str, str], tuple[str, str]] = {}

    def place(cell: Cell) -> tuple[str, str]:
        return cell.attack.name, canonical_json({k: v for k, v in cell.attack.params.items() if k != "file"})

    for cell in cells:
        if "file" in cell.attack.params:
            state = str(cell.provenance.get("utc", "")), str(cell.attack.params["file"])
            last[place(cell)] = max(last.get(place(cell), ("", "")), state)
    return [c for c in cells if "file" not in c.attack.params or last[place(c)][1] == c.attack.params["file"]]


def groups(
    cells: Iterable[Cell],
    *,
    dataset: str | None = None,
    profile: str | None = None,
    condition: str | None = None,
    budget: str | None = None,
) -> list[Group]:
    """Sort cells into groups whose numbers compare, filtered by name; the order of `cells` has no effect."""
    found: dict[tuple[str, ...], list[Cell]] = {}
    # Pictures of other scenarios have a fingerprint of their own; they go with the photographs beside them.
    for cell in sorted(cells, key=lambda c: c.split.name not in SPLITS):
        if dataset is not None and cell.dataset.name != dataset:
            continue
        if profile is not None and cell.profile != profile:
            continue
        if condition is not None and str(cell.protocol.get("condition", "uint8")) != condition:
            continue
        if budget is not None and track(cell.protocol) != budget:
            continue
        key: tuple[str, ...] = (cell.dataset.name, cell.profile, cell.protocol_json, cell.dataset.data_id)
        key += (cell.split.fingerprint, cell.profile_digest)
        if cell.split.name not in SPLITS:
            beside = [k for k in found if (k[:4], k[5]) == (key[:4], key[5])]
            key = min(beside, default=key)
        found.setdefault(key, []).append(cell)
    result = []
    alike = Counter(key[:4] for key in found)
    for key in sorted(found):
        kept = _newest(named_apart(found[key]))
        named = [c for c in kept if c.target.task == CLASSIFICATION]
        result.append(
            Group(
                dataset=key[0],
                data_id=key[3],
                profile=key[1],
                protocol=key[2],
                settings=dict(found[key][0].protocol),
                fingerprint=key[4],
                profile_digest=key[5],
                apart=alike[key[:4]] > 1,
                cells=tuple(c for c in named if c.attack.goal == "forge" and c.split.name in SPLITS),
                erased=tuple(c for c in named if c.attack.goal != "forge" and c.split.name in SPLITS),
                elsewhere=tuple(c for c in named if c.split.name not in SPLITS),
                others=tuple(c for c in kept if c.target.task != CLASSIFICATION),
                left_out=len(found[key]) - len(kept),
            )
        )
    result.sort(key=lambda group: (group.dataset, group.profile, *group.standing))
    facts = Counter(tuple(group.facts.items()) for group in result)
    return [replace(group, apart=True) if facts[tuple(group.facts.items())] > 1 else group for group in result]
