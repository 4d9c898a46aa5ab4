"""From names to instances: whatever a stranger can add, through the same entry points as ours.

Each kind of thing has one `Registry`, which stands beside its base class: `ATTACKS` beside `Attack`. An entry point of
its group loads to one of

- a subclass of the base: its name is the entry point's, dataclass fields are its parameters;
- an instance of the base, by the same name;
- a family: a function that returns a mapping of names to factories, for a grid of targets. A mapping with
  `__missing__`, as a subclass of dict may have, knows further names, which neither 'all' nor a glob means;
- a bridge: an object with `create(name, params)` and `names()`, reached as `prefix:NAME[...]`.

Nothing is imported until a name is asked for; a plugin that fails to import is kept with its reason and shown where
a name is not found. Instances travel to worker processes, so what a factory or bridge returns must be picklable.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Generic, Protocol, TypeVar, cast, runtime_checkable

from benchbench.base.errors import BenchError, UnknownNameError, did_you_mean
from benchbench.base.names import check_name
from benchbench.base.plot_settings import plot_settings_as_they_were
from benchbench.base.probe import tried
from benchbench.base.provenance import PACKAGES
from benchbench.contracts.origin import from_file, is_file
from benchbench.contracts.spec import Spec, check_finite, parse, parse_many, validated

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_LONG = 20
"""Longer lists of available names are named by their number and the command that shows them."""


@runtime_checkable
class Bridge(Protocol[T_co]):
    """Another library's attacks, targets or the like, by their own names."""

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
    families: list[tuple[str, Mapping[str, Callable[..., T]]]]
    bridges: dict[str, Bridge[T]]
    failures: list[Failure]
    clashes: list[str]


class Registry(Generic[T]):
    """All things of one kind that are installed here: attacks, targets, preprocessors ..."""

    def __init__(
        self,
        kind: str,
        group: str,
        base: Callable[..., T],
        option: str = "",
        entry_points: Callable[[str], Iterable[importlib.metadata.EntryPoint]] | None = None,
    ) -> None:
        """Describe a registry; nothing is loaded yet.

        Args:
            kind: 'attack', 'target' ..., for messages; its plural is what `bench list` takes.
            group: the entry-point group.
            base: class that instances derive from (abstract, hence typed as a callable).
            option: the command-line option that takes these names, if there is one.
            entry_points: where they come from; the installed distributions unless a test says otherwise.
        """
        self.kind, self.group, self.option = kind, group, option or kind
        self.base: type[T] = cast(type[T], base)
        self._find = entry_points or (lambda name: importlib.metadata.entry_points(group=name))
        self._memo: _Loaded[T] | None = None
        self.left_out: list[str] = []
        """Why what 'all' or a glob would have meant was left out of what `resolve` found, in all calls."""

    def reload(self) -> None:
        """Forget what is loaded: a distribution was installed while this process runs."""
        self._memo = None

    def __contains__(self, name: object) -> bool:
        """Say whether `create` knows a name, without parameters and outside bridges."""
        return isinstance(name, str) and self._factory(name) is not None

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
        loaded = self._checked()
        known = name.partition(":")[0] if ":" in name else name
        return loaded.origins.get(known) or next((o for o, family in loaded.families if _find(family, name)), "")

    def get(self, name: str) -> type[T]:
        """Return the class that `name` makes; no instance is made where the entry point is the class.

        Raises:
            UnknownNameError: no such name.
        """
        factory = self._factory(name)
        if factory is None:
            raise self.unknown(name)
        return factory if isinstance(factory, type) else type(factory())

    def summary(self, name: str) -> str:
        """Return the first line of the docstring of the class that `name` makes; '' if it has none.

        Raises:
            UnknownNameError: no such name.
        """
        return (vars(self.get(name)).get("__doc__") or "").strip().partition("\n")[0]

    def create(self, spec: str | Spec, defaults: Mapping[str, Mapping[str, Any]] | None = None) -> T:
        """Return the instance that `spec` names.

        Args:
            spec: `name` or `name[parameter=value,...]`; the name may be a Python file, or PATH:CLASS.
            defaults: a profile's changes to parameters, by name; what the user wrote wins over them.

        Raises:
            UnknownNameError: no such name or parameter.
            BenchError: a value of the wrong type, or a name that two distributions use.
        """
        spec = parse(spec) if isinstance(spec, str) else spec
        spec = Spec(self._by_title(spec.name), spec.params)
        loaded = self._checked()
        profile = dict((defaults or {}).get(spec.name, {}))
        prefix, colon, inner = spec.name.partition(":")
        if colon and prefix in loaded.bridges:
            bridge = loaded.bridges[prefix]
            made = self._bridged(bridge, spec.name, inner, profile | dict(spec.params))
            # A bridge may make what has a name of its own, and the profile's changes go by that.
            own = (defaults or {}).get(str(getattr(made, "name", "")), {}) if spec.name not in (defaults or {}) else {}
            return self._bridged(bridge, spec.name, inner, {**own, **spec.params}) if own else made
        factory = from_file(spec.name, self.kind, self.base) if is_file(spec.name) else self._factory(spec.name)
        if factory is None:
            raise self.unknown(spec.name)
        what = f"{self.kind} '{spec.name}'"
        try:
            instance = None if isinstance(factory, type) else factory()
        except Exception as error:  # a stranger's factory
            raise BenchError(f"{what} ({self.origin(spec.name)}) cannot be made: {_told(error)}.") from error
        kind = factory if isinstance(factory, type) else type(instance)
        values = validated(f"{what} in the profile", kind, profile) | validated(what, kind, spec.params)
        try:
            if instance is None:
                instance = factory(**values)
            elif values:
                instance = cast(T, dataclasses.replace(cast(Any, instance), **values))
            getattr(instance, "name", None)  # of attacks and targets it is on the card, which may be what fails
        except BenchError:
            raise
        except Exception as error:  # a stranger's class may raise anything
            raise BenchError(f"{what}{self._whose(spec.name)} cannot be made: {_told(error)}.") from error
        return instance

    def _whose(self, name: str) -> str:
        """Return ' (distribution version)' for messages; nothing for what is no plugin's."""
        origin = "" if is_file(name) else self.origin(name)
        return f" ({origin})" if origin else ""

    def _bridged(self, bridge: Bridge[T], name: str, inner: str, params: Mapping[str, Any]) -> T:
        check_name(self.kind, name, slashes=True)
        check_finite(f"{self.kind} '{name}'", params)
        try:
            return bridge.create(inner, params)
        except BenchError:
            raise
        except Exception as error:  # another library's code
            raise BenchError(f"{self.kind} '{name}' cannot be made: {_told(error)}.") from error

    def resolve(
        self, texts: str | T | Iterable[str | T], defaults: Mapping[str, Mapping[str, Any]] | None = None
    ) -> list[T]:
        """Return the instances that comma lists, globs and 'all' name; each once, in the order of their naming.

        An instance among the names stands for itself.

        Raises:
            UnknownNameError: an unknown name or parameter, or a glob that matches nothing.
        """
        found: list[T] = []
        each = [texts] if isinstance(texts, (str, self.base)) else cast(Iterable[str | T], texts)
        for text in each:
            if not isinstance(text, (str, self.base)):
                raise BenchError(
                    f"{self.option}: {text!r} is a {type(text).__name__}; a name, or an instance of "
                    f"{self.base.__name__}, is expected."
                )
            named = self._named(text, defaults) if isinstance(text, str) else [text]
            for instance in named:
                if instance not in found:
                    found.append(instance)
        if not found:
            raise UnknownNameError(f"{self.option} names no {self.kind}.  See: bench list {self.kind}s")
        return found

    def _named(self, text: str, defaults: Mapping[str, Mapping[str, Any]] | None) -> Iterator[T]:
        """Yield the instances of a comma list; those of 'all' or a glob that cannot be made are named and left out."""
        for spec in parse_many(text):
            for name in self._expand(spec):
                try:
                    yield self.create(Spec(name, spec.params), defaults)
                except BenchError as error:
                    if spec.params or not (spec.is_glob or spec.name == "all") or isinstance(error, UnknownNameError):
                        raise
                    self.left_out.append(str(error))
                    logging.getLogger("benchbench").warning("left out: %s", error)

    def _expand(self, spec: Spec) -> Sequence[str]:
        names = self.names()
        if spec.name == "all":
            if not names:
                raise self.unknown("all")
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

    def _by_title(self, name: str) -> str:
        """Return the name of what has `name` for its title, in any case of letters; `name` itself where nothing has."""
        if name in self:
            return name
        for known, factory in self._checked().factories.items():
            card = getattr(factory, "card", None) if isinstance(factory, type) else None
            if str(getattr(card, "title", "")).casefold() == name.casefold():
                return known
        return name

    def _factory(self, name: str) -> Callable[..., T] | None:
        loaded = self._checked()
        if name in loaded.factories:
            return loaded.factories[name]
        return next(filter(None, (_find(family, name) for _, family in loaded.families)), None)

    def unknown(self, name: str) -> UnknownNameError:
        """Return the error for a name that is not there: the closest one, those there are, those not loaded."""
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
        return UnknownNameError("\n".join(lines))

    def _checked(self) -> _Loaded[T]:
        loaded = self._load()
        if loaded.clashes:
            raise BenchError("\n".join(loaded.clashes))
        return loaded

    def _load(self) -> _Loaded[T]:
        if self._memo is not None:
            return self._memo
        points = sorted(self._find(self.group), key=lambda p: p.name)
        loaded: _Loaded[T] = _Loaded({}, {}, [], {}, [], [])
        twice = {name for name, count in Counter(p.name for p in points).items() if count > 1}
        for name in sorted(twice):
            both = " and ".join(sorted(_distribution(p) for p in points if p.name == name))
            loaded.clashes.append(self._clash(name, both))
        ends = _ends([point for point in points if point.name not in twice])
        for point in points:
            if point.name in twice:
                continue
            if point.name in ends:
                loaded.failures.append(Failure(point.name, _distribution(point), f"importing it {ends[point.name]}"))
                continue
            try:
                with plot_settings_as_they_were():
                    self._register(loaded, point, point.load())
            except (Exception, SystemExit) as error:  # a stranger's module may raise anything; it is kept and shown
                reason = str(error) if isinstance(error, (ImportError, BenchError)) else _told(error)
                loaded.failures.append(Failure(point.name, _distribution(point), reason))
        self._memo = loaded
        return loaded

    def _register(self, loaded: _Loaded[T], point: importlib.metadata.EntryPoint, found: Any) -> None:
        origin = _distribution(point)
        offered: Mapping[str, Callable[..., T]]
        if (isinstance(found, type) and issubclass(found, self.base)) or isinstance(found, self.base):
            _agree(found, point.name)
            offered = {point.name: found if isinstance(found, type) else lambda: found}
        elif isinstance(found, Bridge):
            loaded.bridges[point.name] = found() if isinstance(found, type) else found
            loaded.origins[point.name] = origin
            return
        elif callable(found) and not isinstance(found, type):
            offered = found()
        else:
            raise BenchError(
                f"{point.value} is a {type(found).__name__}; a subclass or an instance of "
                f"{self.base.__name__}, a function that returns names and factories, or a bridge is expected."
            )
        if not isinstance(offered, Mapping):
            raise BenchError(f"{point.value} returned a {type(offered).__name__}; names and factories are expected.")
        for name, factory in offered.items():
            check_name(self.kind, name, slashes=True)
            if not callable(factory):
                raise BenchError(f"its {self.kind} '{name}' is a {type(factory).__name__}; a class is expected.")
        for name, factory in offered.items():
            if name in loaded.factories:
                both = " and ".join(sorted({loaded.origins[name], origin}))
                loaded.clashes.append(self._clash(name, both))
            else:
                loaded.factories[name], loaded.origins[name] = factory, origin
        loaded.families.append((origin, offered))

    def _clash(self, name: str, both: str) -> str:
        return f"{self.kind} '{name}' is registered by {both}; uninstall one of them."


def _ends(points: Sequence[importlib.metadata.EntryPoint]) -> dict[str, str]:
    """Return by name the entry points of other distributions whose import does not come back, and what it does."""
    foreign = [
        point
        for point in points
        if point.dist is not None and point.dist.name != PACKAGES[0] and point.module not in sys.modules
    ]
    found = tried([point.load for point in foreign])
    return {point.name: end for point, end in zip(foreign, found, strict=True) if end}


def _distribution(point: importlib.metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "unknown distribution"


def _find(family: Mapping[str, Callable[..., T]], name: str) -> Callable[..., T] | None:
    try:
        return family[name]
    except KeyError:
        return None


def _agree(found: Any, name: str) -> None:
    for holder, what in ((getattr(found, "card", None), "card"), (found, "class")):
        own = getattr(holder, "name", name)
        if isinstance(own, str) and own != name:  # a property of a class is not its name yet
            raise BenchError(f"its {what} is named '{own}'; entry point and {what} must agree.")


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
