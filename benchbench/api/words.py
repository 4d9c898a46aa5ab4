"""The words of the command line and of `benchbench.run`: what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from benchbench.base.errors import BenchError, did_you_mean
from benchbench.contracts.protocol import Protocol

if TYPE_CHECKING:
    from benchbench.contracts.profile import Profile
    from benchbench.contracts.roles import FolderRule
    from benchbench.contracts.source import BuildProgress
    from benchbench.contracts.trials import Split
    from benchbench.data.source import RecipeSource


def splits(text: str) -> list[Split]:
    """Return the scenarios that a comma list names; `in` and `out` stand first.

    Raises:
        BenchError: another word, or none.
    """
    from benchbench.contracts.scenario import SCENARIOS
    from benchbench.contracts.trials import SPLITS

    asked = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in asked if part not in SCENARIOS]
    if unknown or not asked:
        known = ", ".join([*SPLITS, *(name for name in SCENARIOS.names() if name not in SPLITS)])
        raise BenchError(f"unknown split '{', '.join(unknown) or text}'; splits are {known}.")
    return list(dict.fromkeys([*(split for split in SPLITS if split in asked), *asked]))


def protocols(conditions: str, budgets: str, seed: int, limit: int | None = None) -> list[Protocol]:
    """Return every condition under every budget.

    Raises:
        BenchError: an unknown condition, or a budget that is neither 'native' nor a number of dB.
    """
    words = _words(conditions)
    names = all_conditions() if words == ["all"] else [condition(word) for word in words]
    if not names:
        raise BenchError(f"--condition is empty; conditions are {', '.join(all_conditions())}.")
    levels = [_budget(word) for word in _words(budgets)]
    if not levels:
        raise BenchError("--budget is empty; 'native' or a number of dB is expected.")
    found = [Protocol(condition=name, budget=level, seed=seed, limit=limit) for level in levels for name in names]
    return list(dict.fromkeys(found))


def measures(text: str) -> tuple[str, ...]:
    """Return the names of measures in a comma list, or of all that are installed for 'all'.

    Raises:
        UnknownNameError: there is no such measure.
    """
    from benchbench.contracts.measure import MEASURES

    found = MEASURES.resolve(text) if text.strip() else []
    if text.strip() != "all":
        for measure in found:
            if why := measure.why_not():
                raise BenchError(f"measure '{measure.name}' cannot be had: {why}.")
    return tuple(measure.name for measure in found if not measure.why_not())


def all_conditions() -> list[str]:
    """Return the names of all conditions, in the order of tables."""
    from benchbench.contracts.condition import CONDITIONS

    known = [CONDITIONS.create(name) for name in CONDITIONS.names()]
    return [c.name for c in sorted(known, key=lambda c: (c.order, c.name))]


def condition(name: str) -> str:
    """Return the name of a condition.

    Raises:
        UnknownNameError: there is none of this name.
    """
    from benchbench.contracts.condition import CONDITIONS

    if name not in CONDITIONS:
        raise CONDITIONS.unknown(name)
    return name


def track(budget: str | None) -> str | None:
    """Return a --budget as cells name it: 'native' or '35 dB'.

    Raises:
        BenchError: it is neither 'native' nor a number of dB.
    """
    return Protocol(budget=_budget(budget)).track if budget is not None else None


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _budget(word: str) -> float | None:
    if word == "native":
        return None
    try:
        return float(word.lower().removesuffix("db"))
    except ValueError:
        raise BenchError(f"--budget '{word}'; 'native' or a number of dB is expected.") from None


def source(
    data: str,
    profile: Profile,
    rule: str | None,
    scenes: str | None = None,
    cache: Path | None = None,
    progress: BuildProgress | None = None,
) -> RecipeSource:
    """Return the photographs that --data, --rule and --scenes name, at the profile's size.

    Args:
        cache: where those of a folder are read into, if they are not there yet.
        progress: called while a folder is read.

    Raises:
        BenchError: the folder does not exist, or an option does not go with it.
    """
    from benchbench.data.folder.recipe import FolderRecipe, parse_place
    from benchbench.data.source import RecipeSource
    from benchbench.data.virtual.recipe import VirtualRecipe

    if data in ("virtual", "virtual-neutral"):
        split_rule = _rule(rule or str(profile.data.get("split_rule", "device")))
        changes: dict[str, Any] = {"split_rule": split_rule, "neutral": data == "virtual-neutral"}
        if scenes is not None:
            if not Path(scenes).is_dir():
                raise BenchError(f"--scenes '{scenes}' is not a folder.")
            changes |= {"scene_source": "folder", "scenes_dir": str(Path(scenes).absolute())}
        return RecipeSource.of(VirtualRecipe.of(profile.data | changes, profile.name))
    if scenes is not None:
        raise BenchError("--scenes goes with --data virtual alone.")
    layout, folder = parse_place(data)
    if not folder.is_dir():
        hint = did_you_mean(data, ["virtual", "virtual-neutral"])
        raise BenchError(f"--data '{data}' is neither a folder nor virtual.{hint}")
    VirtualRecipe.of(profile.data, profile.name)  # what the profile says of photographs holds for folders too
    size = {"size": profile.data["size"]} if "size" in profile.data else {}
    # Absolute, because jobs on other machines have other working folders.
    asked = folder_rule(rule or profile.data.get("split_rule"))
    recipe = FolderRecipe(path=str(folder.absolute()), layout=layout, split_rule=asked, **size)
    return RecipeSource.of(recipe, cache, progress)


def folder_rule(text: str | None) -> FolderRule | None:
    """Return a rule for the roles of a folder, or None for its own.

    Raises:
        BenchError: there is none of this name.
    """
    from benchbench.contracts.roles import FolderRule

    if text is None:
        return None
    for rule in get_args(FolderRule):
        if rule == text:
            return cast("FolderRule", rule)
    raise BenchError(f"unknown split rule '{text}'; rules are {', '.join(get_args(FolderRule))}.")


def _rule(text: str) -> Literal["device", "scene"]:
    if text == "device":
        return "device"
    if text == "scene":
        return "scene"
    raise BenchError(f"unknown split rule '{text}'; those of virtual cameras are device and scene.")


def check_device(device: str) -> None:
    """Look whether a device is there; 'cpu' needs no torch for that.

    Raises:
        BenchError: torch does not know it or it is not available.
    """
    if device == "cpu":
        return
    import torch

    try:
        float(torch.zeros(1, device=device) + 1)  # 'meta' has tensors and no numbers
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise BenchError(f"device '{device}' cannot be used: {reason}  See: bench doctor") from error
