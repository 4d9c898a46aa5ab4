from __future__ import annotations

from dataclasses import dataclass

import pytest

from benchbench.base.errors import BenchError, UnknownNameError
from benchbench.contracts.spec import Spec, parse, parse_many, validated


@dataclass(frozen=True, kw_only=True)
class Pgd:
    epsilon: float = 0.03
    random_start: bool = True
    step_size: float = 0.01
    steps: int = 10
    scales: tuple[int, ...] = (1,)
    norm: str = "linf"


def test_values_are_python_literals_and_bare_words_strings() -> None:
    spec = parse("pgd[steps=20, random_start=False, scales=(1, 2), norm=l2, epsilon=1e-2]")
    assert spec == Spec("pgd", {"steps": 20, "random_start": False, "scales": (1, 2), "norm": "l2", "epsilon": 0.01})


def test_comma_lists_respect_brackets_and_quotes() -> None:
    specs = parse_many(["pgd[steps=20,norm='a,b'],cama", "torchattacks:MIFGSM[eps=0.02]"])
    assert [s.name for s in specs] == ["pgd", "cama", "torchattacks:MIFGSM"]
    assert specs[0].params == {"steps": 20, "norm": "a,b"}


@pytest.mark.parametrize("text", ["pgd[steps=20", "pgd[20]", "[steps=3]", "pgd[=3]"])
def test_what_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(BenchError, match="write"):
        parse(text)


def test_unknown_parameter() -> None:
    with pytest.raises(UnknownNameError) as caught:
        validated("attack 'pgd'", Pgd, {"step": 20})
    assert str(caught.value) == (
        "attack 'pgd' has no parameter 'step'. Did you mean 'steps'?"
        "  parameters: epsilon, norm, random_start, scales, step_size, steps"
    )


def test_wrong_type() -> None:
    with pytest.raises(BenchError, match=r"attack 'pgd': parameter 'steps' is 'many'; input should be a valid integer"):
        validated("attack 'pgd'", Pgd, {"steps": "many"})


def test_types_are_converted() -> None:
    assert validated("x", Pgd, {"steps": 20.0, "scales": [1, 2], "epsilon": 1}) == {
        "steps": 20,
        "scales": (1, 2),
        "epsilon": 1.0,
    }
