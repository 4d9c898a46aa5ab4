"""Columns keep what they were given, in less memory, and are lists of numbers in JSON."""

from __future__ import annotations

import copy
import json
import math
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from benchbench.records.column import Column

SOME = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False) | st.none()


class Record(BaseModel):
    columns: dict[str, Column]


@given(st.lists(SOME) | st.lists(st.integers(-300, 300)) | st.lists(st.floats(allow_nan=False) | st.none()))
def test_a_column_is_its_numbers(numbers: list[int | float | None]) -> None:
    column = Column(numbers)
    assert list(column) == numbers and [column[k] for k in range(len(column))] == numbers
    assert column == Column(tuple(numbers)) and hash(column) == hash(Column(tuple(numbers)))
    assert column != Column([*numbers, 1]) and column != numbers
    assert column[::-1] == Column(numbers[::-1]) and isinstance(column[::-1], Column)
    assert pickle.loads(pickle.dumps(column)) == copy.deepcopy(column) == column
    assert column.whole == all(type(v) is int and -(2**63) <= v < 2**63 for v in numbers)
    expected = np.array([np.nan if v is None else v for v in numbers], np.float64)
    assert np.array_equal(np.asarray(column.numbers, np.float64), expected, equal_nan=True)
    assert Record.model_validate_json(json.dumps({"columns": {"a": numbers}})).columns["a"] == column


def test_equal_numbers_are_equal_however_they_are_kept() -> None:
    for one, other in (([1, 2], [1.0, 2.0]), ([0.0, None], [-0.0, None]), ([3, None], [3.0, None])):
        assert Column(one) == Column(other) and hash(Column(one)) == hash(Column(other))
    assert hash(Column([-1])) != hash(Column([-2])), "as those of the numbers are"
    assert list(Column([2**60 + 1, 0.5])) == [2**60 + 1, 0.5], "no float has so many digits"
    missing, other = Column([math.nan, None, 1.0])[:2]
    assert other is None and missing != missing, "a number that is none is no missing one"
    with pytest.raises(TypeError, match="not str"):
        Column(["1"])  # type: ignore[list-item]


def test_metrics_reckon_with_wide_numbers_of_their_own() -> None:
    """In the byte that each is kept in, 32 x 100 would be -128."""
    column = Column([32] * 5)
    column.numbers[:] = 7
    assert list(column) == [32] * 5 and (column.numbers * 100).tolist() == [3200] * 5
    assert Column([1, 2.5]).numbers.dtype == Column([2**70]).numbers.dtype == np.float64


@pytest.mark.parametrize(
    ("numbers", "each"),
    [
        ([k % 12 for k in range(100_000)], 1),
        ([k / 7 for k in range(100_000)], 8),
        ([None, *(k / 7 for k in range(100_000))], 8),
    ],
)
def test_memory_is_a_byte_a_class_and_eight_a_score(numbers: list[int | float | None], each: int) -> None:
    assert sys.getsizeof(Column(numbers)._kept) < each * 101_000


def test_in_a_record_it_is_a_list_of_numbers() -> None:
    record = Record.model_validate({"columns": {"a": [1, 2], "b": (0.5, None), "c": Column([3])}})
    assert record.model_dump(mode="json") == {"columns": {"a": [1, 2], "b": [0.5, None], "c": [3]}}
    for wrong, place in (({"a": ["x"]}, "columns.a.0"), ({"a": 5}, "columns.a"), ({"a": [[1]]}, "columns.a.0")):
        with pytest.raises(ValidationError) as caught:
            Record.model_validate({"columns": wrong})
        assert ".".join(map(str, caught.value.errors()[0]["loc"])).startswith(place)
