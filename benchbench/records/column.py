"""Numbers of a record, in as little memory as they take: a report holds what targets said in 100 000 cells."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import GetCoreSchemaHandler, ValidatorFunctionWrapHandler
from pydantic_core import CoreSchema, core_schema

Number = int | float | None
_Numbers = tuple[Number, ...]
_KINDS = frozenset({int, float, type(None)})
_CODES = ("b", "h", "i", "q")
"""Of whole numbers, from those that take a byte on."""


class Column(Sequence[Number]):
    """Numbers in their order, None where there is none. It does not change, and equals another of the same numbers."""

    __slots__ = ("_gaps", "_kept")

    def __init__(self, numbers: Iterable[Number]) -> None:
        """Keep numbers.

        Raises:
            TypeError: something else than int, float and None.
        """
        found = tuple(numbers)
        kinds = set(map(type, found))
        if not kinds <= _KINDS:
            raise TypeError(f"a column holds int, float and None, not {min(k.__name__ for k in kinds - _KINDS)}.")
        self._kept: array[Any] | _Numbers = _whole(found) if kinds == {int} else _real(found, kinds)
        self._gaps = type(None) in kinds and isinstance(self._kept, array)

    @overload
    def __getitem__(self, place: int) -> Number: ...
    @overload
    def __getitem__(self, place: slice) -> Column: ...
    def __getitem__(self, place: int | slice) -> Number | Column:
        """Return a number, or a column of some."""
        if isinstance(place, slice):
            return Column(tuple(self)[place])
        found: Number = self._kept[place]
        return None if self._gaps and found != found else found

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._kept)

    def __iter__(self) -> Iterator[Number]:
        """Yield them in their order."""
        return (None if v != v else v for v in self._kept) if self._gaps else iter(self._kept)

    def __eq__(self, other: object) -> bool:
        """Say whether another column has the same numbers."""
        if not isinstance(other, Column):
            return NotImplemented
        if not self._gaps and not other._gaps and type(self._kept) is type(other._kept):
            return bool(self._kept == other._kept)
        return tuple(self) == tuple(other)

    def __hash__(self) -> int:
        """Return what equal columns have alike."""
        return hash((self.numbers + 0.0).tobytes())  # -0.0 and 0 are equal, and so are 1 and 1.0

    def __repr__(self) -> str:
        """Return the numbers."""
        return f"Column({list(self)!r})"

    @property
    def whole(self) -> bool:
        """Whether there are none but whole numbers of 64 bits."""
        return not self._kept or (isinstance(self._kept, array) and self._kept.typecode != "d")

    @property
    def numbers(self) -> NDArray[Any]:
        """As an array of its own, int64 or float64, NaN where there is none."""
        if isinstance(self._kept, array):
            return np.frombuffer(self._kept, self._kept.typecode).astype(np.int64 if self.whole else np.float64)
        return np.array([np.nan if v is None else v for v in self._kept], np.float64)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let it be a field of a record, where it is a list of numbers."""
        return core_schema.no_info_wrap_validator_function(
            cls._validated,
            handler.generate_schema(_Numbers),
            serialization=core_schema.plain_serializer_function_ser_schema(list),
        )

    @classmethod
    def _validated(cls, found: Any, rest: ValidatorFunctionWrapHandler) -> Column:
        if isinstance(found, cls):
            return found
        known = type(found) in (list, tuple) and set(map(type, found)) <= _KINDS
        return cls(found if known else rest(found))


def _whole(found: tuple[Any, ...]) -> array[Any] | _Numbers:
    for code in _CODES:
        try:
            return array(code, found)
        except OverflowError:
            continue
    return found


def _real(found: _Numbers, kinds: set[type]) -> array[float] | _Numbers:
    """Return them in eight bytes each; as they are where a float does not hold one, or NaN would pass for None."""
    if kinds == {float}:
        return array("d", found)  # type: ignore[arg-type]
    try:
        made = array("d", [np.nan if v is None else v for v in found])
    except OverflowError:
        return found
    same = all(v is None if m != m else m == v for m, v in zip(made, found, strict=True))
    return made if same else found
