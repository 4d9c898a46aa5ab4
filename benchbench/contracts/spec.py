"""What a user types for an attack or target: `pgd[steps=20,random_start=False],cama` and globs, taken apart."""

from __future__ import annotations

import ast
import dataclasses
import math
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from benchbench.base.errors import BenchError, UnknownNameError, did_you_mean

_OPEN, _CLOSE = "[({", "])}"


@dataclass(frozen=True)
class Spec:
    """A name or glob and the parameters that override its defaults."""

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_glob(self) -> bool:
        """`*` and `?` make a glob; brackets hold parameters, never a set of characters."""
        return "*" in self.name or "?" in self.name


def split_outside(text: str, separator: str = ",") -> Iterator[str]:
    """Yield the parts of `text` between separators that stand outside brackets and quotes, stripped."""
    depth, quote, start = 0, "", 0
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _OPEN:
            depth += 1
        elif char in _CLOSE:
            depth -= 1
        elif char == separator and depth == 0:
            yield text[start:i].strip()
            start = i + 1
    yield text[start:].strip()


_FRACTION = re.compile(r"([+-]?\d+(?:\.\d*)?)\s*/\s*(\d+(?:\.\d*)?)")


def literal(text: str) -> Any:
    """Return the Python value that `text` writes, a fraction such as 8/255 too, or `text` itself for a bare word."""
    fraction = _FRACTION.fullmatch(text)
    if fraction and float(fraction[2]):
        return float(fraction[1]) / float(fraction[2])
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # the last two: brackets in brackets in brackets
        return text


def parse(text: str) -> Spec:
    """Take `name[key=value,...]` apart.

    Raises:
        BenchError: a bracket that does not close, or a parameter without `=`.
    """
    name, bracket, rest = text.strip().partition("[")
    if not bracket:
        return Spec(name)
    if not rest.endswith("]") or not name:
        raise BenchError(f"'{text}' cannot be read; write NAME[parameter=value,...], for example pgd[steps=20].")
    params: dict[str, Any] = {}
    for part in filter(None, split_outside(rest[:-1])):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise BenchError(f"'{part}' in '{text}' is not parameter=value; write for example pgd[steps=20].")
        params[key.strip()] = literal(value.strip())
    return Spec(name.strip(), params)


def parse_many(texts: str | typing.Iterable[str]) -> list[Spec]:
    """Parse a comma list, or several of them."""
    given = [texts] if isinstance(texts, str) else texts
    return [parse(part) for text in given for part in split_outside(text) if part]


def parameters(kind: type) -> dict[str, Any]:
    """Return name -> type of the parameters of a dataclass; another class has none."""
    if not dataclasses.is_dataclass(kind):
        return {}
    hints = typing.get_type_hints(kind, include_extras=True)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind) if f.init}


def validated(what: str, kind: type, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check parameters against the fields of the dataclass `kind` and convert them to their types.

    Args:
        what: for messages, e.g. "attack 'pgd'".

    Raises:
        UnknownNameError: a parameter that is not a field.
        BenchError: a value of the wrong type.
    """
    known = parameters(kind)
    values = {}
    for name, value in params.items():
        if name not in known:
            raise UnknownNameError(
                f"{what} has no parameter '{name}'.{did_you_mean(name, known)}"
                f"  parameters: {', '.join(sorted(known)) or 'none'}"
            )
        try:
            values[name] = _adapter(known[name]).validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise BenchError(f"{what}: parameter '{name}' is {value!r}; {reason[0].lower()}{reason[1:]}.") from error
    check_finite(what, values)
    return values


def check_finite(what: str, params: Mapping[str, Any]) -> None:
    """Refuse NaN and infinity, which no identity can hold.

    Raises:
        BenchError: a parameter is one, or holds one.
    """
    for name, value in params.items():
        if not _finite(value):
            raise BenchError(f"{what}: parameter '{name}' is {value}; a finite number is expected.")


def _finite(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _adapter(hint: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # pydantic refuses a config for a model or dataclass, which carries its own
        return TypeAdapter(hint)
