"""Names, JSON and paths of others: refused where they enter."""

# ruff: noqa: RUF005
from __future__ import annotations

import pytest

from benchbench.base.errors import BenchError
from benchbench.base.files import inside
from benchbench.base.json_text import parsed
from benchbench.base.names import check_name, fault, printable


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        ".",
        "..",
        "a/b",
        "a\\b",
        "x" * 81,
        "a\nb",
        "\x1b[31mred",
        "a\0",
        "\udcff",
        "\u202etxt.exe",
        "`id`",
        None,
    ]
    + [7, "a/../b", "../b", "/b", "a//b"],
)
def test_what_cannot_be_a_name_is_refused(name: object) -> None:
    assert fault(name)
    with pytest.raises(BenchError, match=r"^attack '.*' cannot be used: its name ") as caught:
        check_name("attack", name)
    assert str(caught.value).isprintable(), "the sentence itself steers no terminal"


@pytest.mark.parametrize("name", ["cama", "007", "1e5", "nan", "torchattacks:PGD", "Canon Ixus 70", "Größe", "x" * 80])
def test_what_can_be_a_name(name: str) -> None:
    assert fault(name) == ""


def test_slashes_stand_between_parts_alone() -> None:
    assert fault("resnet18/rgb/complete", slashes=True) == ""
    assert all(fault(name, slashes=True) for name in ("/a", "a/", "a//b", "a/../b", "a\\b"))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": 1, "a": 2}', "{", b"\xff", "9" * 5000, ""])
def test_json_that_cannot_be_read_is_one_kind_of_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        parsed(text)


def test_a_terminal_is_not_steered() -> None:
    assert printable("\x1b[2Jé\n\u202e") == "\\x1b[2Jé\\n\\u202e"
    assert printable("a\nb\x07", keep="\n") == "a\nb\\x07"


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "C:/x", "a\\x", "", "a/", "./x", "a\0"])
def test_an_index_does_not_lead_outside(path: str) -> None:
    assert inside(path) is None


def test_an_index_leads_inside() -> None:
    assert inside("a/b c/0:1.jpg") == "a/b c/0:1.jpg"
