"""What a target made of each trial, in as little memory as it takes: a report holds a hundred thousand cells."""

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
_KINDS = ({int}, {float}, {int, float})
_CODES = ("b", "h", "i", "q")
"""Of whole numbers, from those that take a byte on."""


class Column(Sequence[Number]):
    """Numbers in their order, None where there is none. It does not change, and equals another of the same numbers."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Iterable[Number]) -> None:
        """Keep numbers, which are int, float or None."""
        found = tuple(numbers)
        self._numbers: array[Any] | _Numbers = found
        kinds = set(map(type, found))
        if kinds not in _KINDS:
            return
        for code in _CODES if kinds == {int} else "d":
            try:
                made = array(code, found)  # type: ignore[type-var]
            except OverflowError:
                continue
            if kinds != {int, float} or tuple(made) == found:  # a whole number of 17 digits is no float
                self._numbers = made
            return

    @overload
    def __getitem__(self, place: int) -> Number: ...
    @overload
    def __getitem__(self, place: slice) -> Column: ...
    def __getitem__(self, place: int | slice) -> Number | Column:
        """Return a number, or a column of some."""
        return Column(self._numbers[place]) if isinstance(place, slice) else self._numbers[place]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._numbers)

    def __iter__(self) -> Iterator[Number]:
        """Yield them in their order."""
        return iter(self._numbers)

    def __eq__(self, other: object) -> bool:
        """Say whether another column has the same numbers."""
        if not isinstance(other, Column):
            return NotImplemented
        if type(self._numbers) is type(other._numbers):
            return bool(self._numbers == other._numbers)
        return tuple(self._numbers) == tuple(other._numbers)

    def __hash__(self) -> int:
        """Return what equal columns have alike."""
        return hash(tuple(self._numbers))

    def __repr__(self) -> str:
        """Return the numbers."""
        return f"Column({list(self._numbers)!r})"

    @property
    def whole(self) -> bool:
        """Whether all are whole numbers."""
        return not self._numbers or (isinstance(self._numbers, array) and self._numbers.typecode != "d")

    @property
    def numbers(self) -> NDArray[Any]:
        """As an array, NaN where there is none; not to be written to."""
        if isinstance(self._numbers, array):
            return np.frombuffer(self._numbers, self._numbers.typecode)
        return np.array([np.nan if v is None else v for v in self._numbers])

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
        known = type(found) in (list, tuple) and set(map(type, found)) in _KINDS
        return cls(found if known else rest(found))
