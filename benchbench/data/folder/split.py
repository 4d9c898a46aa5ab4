"""Roles of real photographs: by device, by scene, by what the folder says, or by photograph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchbench.base.errors import DataError, did_you_mean
from benchbench.base.seeds import stream
from benchbench.contracts.layout import PhotoFile, natural
from benchbench.contracts.roles import KNOWN_DEVICES, ROLES, UNKNOWN_DEVICES, FolderRule, Role, role_of_device
from benchbench.data.virtual.recipe import Item

_TURN: tuple[Role, ...] = ("q", "p", "test", "q", "p")
_TURN_UNKNOWN: tuple[Role, ...] = ("p", "test", "p")
RULES: dict[str, str] = {
    "device": "no device in two roles; a known model needs five, an unknown one three",
    "scene": "no scene in two roles, and no device of models that have enough of them",
    "role": "as the column 'role' of the folder says",
    "photograph": "devices and scenes are shared, and every caption warns of it; three a known model, two others",
}
"""What each rule keeps apart, for people."""


@dataclass(frozen=True)
class Listing:
    """A folder's photographs by role.

    items: in class order, then by device and number. total: photographs that the layout could place. unused: how many
    of them have no role, by the reason. notes: sentences on models that come to nothing. shared: classes whose devices
    serve several roles. layout: the name of the one that read the folder.
    """

    items: dict[Role, list[Item]]
    camera_models: tuple[str, ...]
    known: int
    total: int
    rule: FolderRule
    notes: tuple[str, ...] = ()
    unused: Mapping[str, int] = field(default_factory=dict)
    shared: frozenset[int] = frozenset()
    layout: str = ""

    @property
    def warning(self) -> str:
        """A sentence for every caption, or nothing where no two roles share a device."""
        if not self.shared:
            return ""
        if self.rule == "photograph":
            return (
                "Roles were drawn by photograph: test photographs share devices, and perhaps scenes, with those that "
                "networks were trained on, so rates say little about cameras that were never seen."
            )
        count, of = len(self.shared), len(self.camera_models)
        return f"Of {count} of {of} camera models, test photographs are of devices that networks were trained on."


def devices(entries: Iterable[PhotoFile]) -> dict[str, list[str]]:
    """The devices of each model, both in natural order (2 before 10)."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        found.setdefault(entry.model, set()).add(entry.device)
    return {model: sorted(found[model], key=natural) for model in sorted(found, key=natural)}


def choose_models(counts: Mapping[str, int], known: tuple[str, ...] | None) -> tuple[list[str], list[str]]:
    """Known and unknown models from the number of devices of each.

    As in the paper, exactly five and exactly three, if there are such; else at least five, and three or four. A
    folder with neither has unknown models only.

    Raises:
        DataError: `known` names a model that is not there or has less than five devices.
    """
    if known is not None:
        _check_known(counts, known)
        for model in known:
            if counts[model] < KNOWN_DEVICES:
                raise DataError(
                    f"model '{model}' has {counts[model]} devices; "
                    f"a known model needs {KNOWN_DEVICES}: two for q, two for p, one for test."
                )
        return list(known), [m for m, n in counts.items() if n >= UNKNOWN_DEVICES and m not in known]
    five = [m for m, n in counts.items() if n == KNOWN_DEVICES]
    three = [m for m, n in counts.items() if n == UNKNOWN_DEVICES]
    if not (five and three):
        five = [m for m, n in counts.items() if n >= KNOWN_DEVICES]
        three = [m for m, n in counts.items() if UNKNOWN_DEVICES <= n < KNOWN_DEVICES]
    return (five, three) if five or three else ([], list(counts))


def _check_known(counts: Mapping[str, int], known: Iterable[str]) -> None:
    for model in known:
        if model not in counts:
            raise DataError(f"no photograph is of model '{model}'.{did_you_mean(model, counts)}")


def rule_of(entries: Sequence[PhotoFile], asked: FolderRule | None) -> FolderRule:
    """The rule that is asked for; by default what the folder's own column says, if there is one, or by device."""
    return asked or ("role" if any(entry.role for entry in entries) else "device")


def split(
    entries: Sequence[PhotoFile], asked: FolderRule | None, known: tuple[str, ...] | None, seed: int, where: str
) -> Listing:
    """Give each photograph its class and role.

    Args:
        entries: in natural order of their paths.
        known: models that the attacker knows; by default what the folder says, or what the number of devices says.
        where: the folder, for messages.

    Raises:
        DataError: a rule that needs what the folder does not say, or a model that is not there.
    """
    rule = rule_of(entries, asked)
    by_model = devices(entries)
    scenes = sorted({e.scene for e in entries if e.scene is not None}, key=natural)
    if rule == "scene" and not scenes:
        raise DataError(
            f"split_rule 'scene' needs scene ids, and the layout of '{where}' says none; "
            "a manifest.csv with a column 'scene' can."
        )
    if rule == "role" and not any(entry.role for entry in entries):
        raise DataError(f"--rule role needs a manifest.csv in '{where}' with a column 'role': q, p or test.")
    first, second = _classes(entries, by_model, rule, known)
    models = [*first, *second]
    shared = _shared(entries, by_model, rule, first, models)
    give = _Roles(rule, entries, by_model, frozenset(first), scenes, shared, seed)
    index = {model: k for k, model in enumerate(models)}
    scene_ids = {name: k for k, name in enumerate(scenes)}
    place = {model: {device: k for k, device in enumerate(names)} for model, names in by_model.items()}
    items: dict[Role, list[Item]] = {role: [] for role in ROLES}
    unused: Counter[str] = Counter()
    numbers: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        role, why = give.role(entry) if entry.model in index else (None, f"are of models with too few {_counted(rule)}")
        if role is None:
            unused[why] += 1
            continue
        key = (entry.model, entry.device)
        scene = scene_ids[entry.scene] if entry.scene is not None else -1
        device = place[entry.model][entry.device]
        items[role].append(Item(role, index[entry.model], device, numbers[key], entry.path, scene))
        numbers[key] += 1
    for role in ROLES:
        items[role].sort(key=lambda i: (i.camera, i.device, i.number))
    notes = _notes(by_model, models, first) if rule == "device" else []
    numbered = frozenset(index[model] for model in shared)
    return Listing(items, tuple(models), len(first), len(entries), rule, tuple(notes), dict(unused), numbered)


def _classes(
    entries: Sequence[PhotoFile], by_model: Mapping[str, list[str]], rule: FolderRule, known: tuple[str, ...] | None
) -> tuple[list[str], list[str]]:
    """Known and unknown models, in class order."""
    counts = {model: len(names) for model, names in by_model.items()}
    if known is None:
        said = {entry.model for entry in entries if entry.known}
        if not said and rule == "role":
            said = {entry.model for entry in entries if entry.role == "q"}
        known = tuple(model for model in by_model if model in said) or None
    if rule == "device":
        return choose_models(counts, known)
    if rule == "photograph":
        return _by_photographs(Counter(entry.model for entry in entries), list(by_model), known)
    if known is not None:
        _check_known(counts, known)
        return list(known), [model for model in counts if model not in known]
    five, three = choose_models(counts, None)
    if rule == "scene" and five:
        return five, three
    half = _half(len(counts))
    return list(counts)[:half], list(counts)[half:]


def _half(count: int) -> int:
    return min(count, max(2, (count + 1) // 2))


def _by_photographs(
    counts: Mapping[str, int], models: Sequence[str], known: tuple[str, ...] | None
) -> tuple[list[str], list[str]]:
    """Known and unknown models where each photograph has a role: q, p and test need one each, or p and test alone."""
    enough = [model for model in models if counts[model] >= len(ROLES)]
    if known is None:
        known = tuple(enough[: _half(len(enough))])
    _check_known(counts, known)
    for model in known:
        if model not in enough:
            raise DataError(
                f"model '{model}' has {counts[model]} photographs; a known model needs {len(ROLES)}: for q, p and test."
            )
    return list(known), [m for m in models if counts[m] >= len(ROLES) - 1 and m not in known]


def _counted(rule: FolderRule) -> str:
    return "photographs" if rule == "photograph" else "devices"


def _shared(
    entries: Sequence[PhotoFile],
    by_model: Mapping[str, list[str]],
    rule: FolderRule,
    known: Sequence[str],
    models: Sequence[str],
) -> frozenset[str]:
    """The models whose devices may serve several roles."""
    if rule == "device":
        return frozenset()
    if rule == "photograph":
        return frozenset(models)
    if rule == "scene":
        needed = {model: KNOWN_DEVICES if model in known else UNKNOWN_DEVICES for model in models}
        return frozenset(model for model in models if len(by_model[model]) < needed[model])
    roles: dict[tuple[str, str], set[Role]] = {}
    for entry in entries:
        if entry.role and entry.model in models:
            roles.setdefault((entry.model, entry.device), set()).add(entry.role)
    return frozenset(model for (model, _), found in roles.items() if len(found) > 1)


class _Roles:
    """The role of each photograph under a rule."""

    def __init__(
        self,
        rule: FolderRule,
        entries: Sequence[PhotoFile],
        by_model: Mapping[str, list[str]],
        known: frozenset[str],
        scenes: Sequence[str],
        shared: frozenset[str],
        seed: int,
    ) -> None:
        self.rule, self.known, self.shared = rule, known, shared
        self.place = {model: {device: k for k, device in enumerate(names)} for model, names in by_model.items()}
        self.scene_role = dict(zip(scenes, _scene_roles(len(scenes), seed), strict=True)) if rule == "scene" else {}
        self.drawn: dict[str, Role] = {}
        if rule == "photograph":
            for model in by_model:
                paths = [entry.path for entry in entries if entry.model == model]
                turn = _TURN if model in known else _TURN_UNKNOWN
                for k, i in enumerate(stream(seed, "photograph roles", model).permutation(len(paths)).tolist()):
                    self.drawn[paths[i]] = turn[k % len(turn)]

    def role(self, entry: PhotoFile) -> tuple[Role | None, str]:
        """The role, or None and why there is none."""
        known = entry.model in self.known
        found: Role | None
        if self.rule == "photograph":
            return self.drawn[entry.path], ""
        if self.rule == "role":
            if entry.role == "q" and not known:
                return None, "are q's, of models that are not known to the attacker"
            return entry.role, "have no role in the folder's own column"
        by_device = role_of_device(self.place[entry.model][entry.device], known)
        if self.rule == "device":
            return by_device, "are of further devices than the rule needs"
        if entry.scene is None:
            return (None, "have no scene") if entry.model in self.shared else (by_device, "are of further devices")
        found = self.scene_role[entry.scene]
        if entry.model not in self.shared and by_device != found:
            return None, "show a scene of another role than their device's"
        if found == "q" and not known:
            return None, "show a scene of q, of models that are not known to the attacker"
        return found, ""


def _scene_roles(count: int, seed: int) -> list[Role]:
    """Share the scenes out at random: 2/5 q, 2/5 p, 1/5 test."""
    order = stream(seed, "scene roles").permutation(count)
    roles: list[Role] = ["q"] * count
    for place, scene in enumerate(order.tolist()):
        roles[scene] = _TURN[place % 5]
    return roles


def _notes(by_model: Mapping[str, Sequence[str]], models: Sequence[str], known: Sequence[str]) -> list[str]:
    notes = []
    for model, names in by_model.items():
        count = len(names)
        if model not in models or (model not in known and count < UNKNOWN_DEVICES):
            use = "its photographs are left out" if model not in models else "it cannot be trained and tested on"
            plural = "device" if count == 1 else "devices"
            needed = f"{UNKNOWN_DEVICES} (unknown) or {KNOWN_DEVICES} (known)"
            notes.append(f"model '{model}' has {count} {plural}, not {needed}: {use}.")
    return notes


def why_not(listing: Listing, where: str, scenes: bool) -> str:
    """Say what a split leaves empty and what would help; nothing if all roles, and all models, have photographs.

    Args:
        scenes: whether the folder says scenes, so that the rule 'scene' is open to it.
    """
    empty = [role for role in ROLES if not listing.items[role]]
    if not empty:
        return _lacking(listing, where)
    plural = "role" if len(empty) == 1 else "roles"
    open_to_it = ("scene", "photograph") if scenes else ("photograph",)
    helps = [f"--rule {rule}" for rule in open_to_it if rule != listing.rule]
    helps.append("a manifest.csv with the columns role and known")
    few = "".join(f" {note}" for note in listing.notes[:3])
    return (
        f"the split of '{where}' by {listing.rule} leaves {plural} {', '.join(empty)} without photographs "
        f"({RULES[listing.rule]}).{few} What would help: {'; '.join(helps)}."
    )


_USES: dict[Role, str] = {
    "q": "which the attacker trains on",
    "p": "which targets are trained on",
    "test": "which are attacked",
}


def _lacking(listing: Listing, where: str) -> str:
    """Say which models have a role empty: nobody could learn them, or a run would skip the split that they are in."""
    lack: dict[str, Role] = {}
    for camera, model in enumerate(listing.camera_models):
        for role in ROLES if camera < listing.known else ROLES[1:]:
            if not any(item.camera == camera for item in listing.items[role]):
                lack.setdefault(model, role)
    if not lack:
        return ""
    model, role = next(iter(lack.items()))
    others = f", and {len(lack) - 1} more without those of some role" if len(lack) > 1 else ""
    return (
        f"the split of '{where}' by {listing.rule} leaves model '{model}' without photographs in role {role}, "
        f"{_USES[role]}{others}. Add photographs of it, or list those that there are in exclude.txt."
    )


def too_few(listing: Listing) -> str:
    """Say why a run cannot use the split; nothing if it can."""
    if listing.known >= 2:
        return ""
    names = ", ".join(f"'{model}'" for model in listing.camera_models[: listing.known]) or "none"
    return (
        f"a run needs two camera models that the attacker knows, to take one for another; here it knows {names}. "
        "Add devices, or say which with a column 'known' in a manifest.csv."
    )
