"""From names to instances: attacks and targets, ours and a stranger's, through the same entry points.

An entry point of the groups `benchbench.attacks` and `benchbench.targets` loads to one of

- a subclass of `Attack` or `Target`: its name is the entry point's;
- a family: a function that returns a mapping of names to factories, for a grid of targets;
- a bridge: an object with `create(name, params)` and `names()`, reached as `prefix:NAME[...]`.

Nothing is imported until a name is asked for; a plugin that fails to import is kept with its reason and shown where
a name is not found. Instances travel to worker processes, so what a factory or bridge returns must be picklable.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Generic, Protocol, TypeVar, cast, runtime_checkable

from benchbench.base.errors import BenchError, UnknownNameError, did_you_mean
from benchbench.contracts.attack import Attack
from benchbench.contracts.spec import Spec, parse, parse_many, validated
from benchbench.contracts.target import Target

T = TypeVar("T", Attack, Target)
T_co = TypeVar("T_co", covariant=True)

_LONG = 20
"""Longer lists of available names are named by their number and the command that shows them."""


@runtime_checkable
class Bridge(Protocol[T_co]):
    """Another library's attacks or targets by their own names."""

    def names(self) -> list[str]:
        """Return the names that `create` knows."""

    def create(self, name: str, params: Mapping[str, Any]) -> T_co:
        """Return an instance; raise UnknownNameError or BenchError for a wrong name or parameter."""


@dataclass(frozen=True)
class Failure:
    """An entry point that could not be loaded."""

    name: str
    distribution: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution}): {self.reason}"


@dataclass
class _Loaded(Generic[T]):
    factories: dict[str, Callable[..., T]]
    origins: dict[str, str]
    bridges: dict[str, Bridge[T]]
    failures: list[Failure]
    clashes: list[str]


class Registry(Generic[T]):
    """All attacks, or all targets, that are installed here."""

    def __init__(
        self,
        kind: str,
        group: str,
        base: Callable[..., T],
        option: str,
        entry_points: Callable[[str], Iterable[importlib.metadata.EntryPoint]] | None = None,
    ) -> None:
        """Describe a registry; nothing is loaded yet.

        Args:
            kind: 'attack' or 'target', for messages.
            group: the entry-point group.
            base: class that instances derive from (abstract, hence typed as a callable).
            option: the command-line option that takes these names.
            entry_points: where they come from; the installed distributions unless a test says otherwise.
        """
        self.kind, self.group, self.option = kind, group, option
        self.base: type[T] = cast(type[T], base)
        self._find = entry_points or (lambda name: importlib.metadata.entry_points(group=name))
        self._memo: _Loaded[T] | None = None

    def names(self) -> list[str]:
        """Return all names, bridges' excepted, in alphabetical order (targets: in the order of their family).

        Raises:
            BenchError: two distributions use one name.
        """
        return list(self._checked().factories)

    def bridges(self) -> dict[str, list[str]]:
        """Return the names that each bridge offers, by its prefix."""
        return {prefix: bridge.names() for prefix, bridge in sorted(self._checked().bridges.items())}

    def failures(self) -> list[Failure]:
        """Return the plugins that could not be loaded."""
        return list(self._load().failures)

    def origin(self, name: str) -> str:
        """Return distribution and version that registered `name`, e.g. 'benchbench 0.1.0'."""
        return self._checked().origins.get(name.partition(":")[0] if ":" in name else name, "")

    def create(self, spec: str | Spec, defaults: Mapping[str, Mapping[str, Any]] | None = None) -> T:
        """Return the instance that `spec` names.

        Args:
            spec: `name` or `name[parameter=value,...]`.
            defaults: a profile's changes to parameters, by name; what the user wrote wins over them.

        Raises:
            UnknownNameError: no such name or parameter.
            BenchError: a value of the wrong type, or a name that two distributions use.
        """
        spec = parse(spec) if isinstance(spec, str) else spec
        loaded = self._checked()
        profile = dict((defaults or {}).get(spec.name, {}))
        prefix, colon, inner = spec.name.partition(":")
        if colon and prefix in loaded.bridges:
            return loaded.bridges[prefix].create(inner, profile | dict(spec.params))
        if spec.name not in loaded.factories:
            raise UnknownNameError(self._unknown(spec.name))
        factory = loaded.factories[spec.name]
        what = f"{self.kind} '{spec.name}'"
        instance = None if isinstance(factory, type) else factory()
        kind = factory if isinstance(factory, type) else type(instance)
        values = validated(f"{what} in the profile", kind, profile) | validated(what, kind, spec.params)
        if instance is None or not values:
            return instance or factory(**values)
        changed: T = dataclasses.replace(cast(Any, instance), **values)
        return changed

    def resolve(self, texts: str | Iterable[str], defaults: Mapping[str, Mapping[str, Any]] | None = None) -> list[T]:
        """Return the instances that comma lists, globs and 'all' name; each once, in the order of their naming.

        Raises:
            UnknownNameError: an unknown name or parameter, or a glob that matches nothing.
        """
        found: list[T] = []
        for spec in parse_many(texts):
            for name in self._expand(spec):
                instance = self.create(Spec(name, spec.params), defaults)
                if instance not in found:
                    found.append(instance)
        if not found:
            raise UnknownNameError(f"{self.option} names no {self.kind}.  See: bench list {self.kind}s")
        return found

    def _expand(self, spec: Spec) -> Sequence[str]:
        names = self.names()
        if spec.name == "all":
            if not names:
                raise UnknownNameError(self._unknown("all"))
            return names
        if not spec.is_glob:
            return [spec.name]
        prefix, colon, inner = spec.name.partition(":")
        if colon and prefix in self._checked().bridges:
            offered = [f"{prefix}:{n}" for n in self._checked().bridges[prefix].names()]
            matches = [n for n in offered if fnmatchcase(n, f"{prefix}:{inner}")]
            names = offered
        else:
            matches = [n for n in names if fnmatchcase(n, spec.name)]
        if not matches:
            raise UnknownNameError(
                f"{self.option} '{spec.name}' matches none of {len(names)} {self.kind}s.  See: bench list {self.kind}s"
            )
        return matches

    def _unknown(self, name: str) -> str:
        loaded = self._load()
        prefix, colon, _ = name.partition(":")
        close = did_you_mean(prefix, loaded.bridges) if colon else did_you_mean(name, loaded.factories)
        lines = [f"unknown {self.kind} '{name}'.{close}"]
        if len(loaded.factories) > _LONG:
            lines.append(f"  available: {len(loaded.factories)} {self.kind}s.  See: bench list {self.kind}s")
        else:
            offered = list(loaded.factories) + [f"{p}:NAME" for p in sorted(loaded.bridges)]
            lines.append(f"  available: {', '.join(offered) or 'none'}")
        lines += [f"  not loaded: {failure}" for failure in loaded.failures]
        return "\n".join(lines)

    def _checked(self) -> _Loaded[T]:
        loaded = self._load()
        if loaded.clashes:
            raise BenchError("\n".join(loaded.clashes))
        return loaded

    def _load(self) -> _Loaded[T]:
        if self._memo is not None:
            return self._memo
        points = sorted(self._find(self.group), key=lambda p: p.name)
        loaded: _Loaded[T] = _Loaded({}, {}, {}, [], [])
        twice = {name for name, count in Counter(p.name for p in points).items() if count > 1}
        for name in sorted(twice):
            both = " and ".join(sorted(_distribution(p) for p in points if p.name == name))
            loaded.clashes.append(self._clash(name, both))
        for point in points:
            if point.name in twice:
                continue
            try:
                self._register(loaded, point, point.load())
            except Exception as error:  # a stranger's module may raise anything; it is kept and shown
                reason = str(error) if isinstance(error, (ImportError, BenchError)) else _told(error)
                loaded.failures.append(Failure(point.name, _distribution(point), reason))
        self._memo = loaded
        return loaded

    def _register(self, loaded: _Loaded[T], point: importlib.metadata.EntryPoint, found: Any) -> None:
        origin = _distribution(point)
        if isinstance(found, type) and issubclass(found, self.base):
            name = getattr(getattr(found, "card", None), "name", point.name)
            if name != point.name:
                raise BenchError(f"its card is named '{name}'; entry point and card must agree.")
            offered: Mapping[str, Callable[..., T]] = {point.name: found}
        elif isinstance(found, Bridge):
            loaded.bridges[point.name] = found() if isinstance(found, type) else found
            loaded.origins[point.name] = origin
            return
        elif callable(found) and not isinstance(found, type):
            offered = found()
        else:
            raise BenchError(
                f"{point.value} is a {type(found).__name__}; a subclass of {self.base.__name__}, a function that "
                "returns names and factories, or a bridge is expected."
            )
        for name, factory in offered.items():
            if name in loaded.factories:
                both = " and ".join(sorted({loaded.origins[name], origin}))
                loaded.clashes.append(self._clash(name, both))
            else:
                loaded.factories[name], loaded.origins[name] = factory, origin

    def _clash(self, name: str, both: str) -> str:
        return f"{self.kind} '{name}' is registered by {both}; uninstall one of them."


def _distribution(point: importlib.metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "unknown distribution"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


ATTACKS: Registry[Attack] = Registry("attack", "benchbench.attacks", Attack, "--attack")
TARGETS: Registry[Target] = Registry("target", "benchbench.targets", Target, "--targets")
