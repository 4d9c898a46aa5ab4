"""Classes without a package: in a file of the user's, or defined in a script or a notebook. Their source is identity.

A package raises the version on its card when a change moves numbers. A file that somebody is still working on has
nobody to do so: every change of it makes another attack.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import reprlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar

import cloudpickle

from benchbench.base.errors import BenchError, UnknownNameError

T = TypeVar("T")
_DIGITS = 12
_GENERATED = ("<string>", dataclasses.__file__, reprlib.__file__)
"""Where the methods that a dataclass gets by itself come from."""


def is_file(name: str) -> bool:
    """Say whether a name is that of a Python file, or of a class in one: './mine.py', 'mine.py:Mine'."""
    return name.partition(".py")[1] == ".py" and name.partition(".py")[2][:1] in ("", ":")


def from_file(name: str, kind: str, base: type[T]) -> type[T]:
    """Return the class that a file holds.

    Args:
        name: path of the file; PATH:CLASS where it holds several.
        kind: 'attack' or the like, for messages.
        base: what the class derives from.

    Raises:
        BenchError: there is no such file, it cannot be imported, or it holds no such class.
    """
    place, _, wanted = name.partition(".py")
    path, wanted = Path(f"{place}.py").expanduser(), wanted.removeprefix(":")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BenchError(f"{kind} '{path}' cannot be read ({error.strerror}).") from None
    # The content is in the name, so that a file that was changed in a notebook's lifetime is read anew.
    found = hashlib.sha256(content).hexdigest()[:_DIGITS]
    module_name = f"benchbench_file_{path.stem}_{found}"
    module = sys.modules.get(module_name)
    if module is None:
        spec = spec_from_file_location(module_name, path)
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[module_name] = module  # dataclasses look their module up
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # a stranger's file may raise anything
            del sys.modules[module_name]
            raise BenchError(f"{kind} '{path}' cannot be imported: {type(error).__name__}: {error}.") from error
        cloudpickle.register_pickle_by_value(module)  # other processes have no such module
    classes = {
        n: c
        for n, c in vars(module).items()
        if isinstance(c, type) and issubclass(c, base) and c.__module__ == module_name and not inspect.isabstract(c)
    }
    if wanted and wanted not in classes:
        raise UnknownNameError(f"'{path}' has no {kind} '{wanted}'.  there: {', '.join(classes) or 'none'}")
    if not wanted and len(classes) != 1:
        one = next(iter(classes), base.__name__)
        raise BenchError(
            f"'{path}' has {len(classes)} {kind}s ({', '.join(classes)}); name one, as in '{path}:{one}'."
            if classes
            else f"'{path}' has no {kind}: a subclass of {base.__name__} with all its methods is expected."
        )
    chosen: type[T] = classes[wanted] if wanted else next(iter(classes.values()))
    chosen.file_digest = found  # type: ignore[attr-defined]
    return chosen


def stamp(thing: Any) -> None:
    """Give the class of an attack or target that a script or notebook defines the digest of its methods.

    It is done once, in the process that has the source; a class that travels takes it along.
    """
    kind = type(thing)
    if kind.__module__ != "__main__" or "file_digest" in vars(kind):
        return
    total = hashlib.sha256()
    for one in reversed(kind.__mro__):
        if one.__module__ != "__main__":
            continue
        for name, value in sorted(vars(one).items()):
            function = getattr(value, "fget", None) or getattr(value, "__func__", value)
            if isinstance(function, FunctionType) and function.__code__.co_filename not in _GENERATED:
                try:
                    source = inspect.getsource(function)
                except (OSError, TypeError):
                    return  # typed into a prompt that keeps nothing: its version alone tells
                total.update(f"{name}\n{source}\n".encode())
    kind.file_digest = total.hexdigest()[:_DIGITS]
