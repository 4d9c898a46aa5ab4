"""Documents speak of what is there: paths, names, commands, links, and the picture of the rooms."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer.main
from documents import CODE, DOCUMENTS, ROOT, commands

from benchbench.cli import app

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = ("attacks", "benchbench", "benchmarks", "docs", "results", "targets", "tests", "tools")
INLINE = re.compile(r"`([^`\n]+)`")
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def quoted(text: str) -> list[str]:
    """Return what stands in code blocks and between backticks."""
    return CODE.findall(text) + INLINE.findall(CODE.sub("", text))


def missing_paths(text: str) -> list[str]:
    """Return paths in quotes that start in a folder of this repository and do not exist; `*` stands for anything."""
    path = re.compile(rf"(?<![\w/.:~$-])(?:{'|'.join(FOLDERS)})/[\w./*+-]*")
    found = {match.rstrip(".") for part in quoted(text) for match in path.findall(part)}
    return sorted(name for name in found if not list(ROOT.glob(name.rstrip("/"))))


@cache
def is_there(name: str) -> bool:
    """Say whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            if importlib.util.find_spec(".".join(parts[:count])) is None:
                continue
        except ModuleNotFoundError:
            continue
        found: Any = import_module(".".join(parts[:count]))
        for part in parts[count:]:
            if not hasattr(found, part) and part not in getattr(found, "__annotations__", {}):
                return False
            found = getattr(found, part, None)
        return True
    return False


def missing_names(text: str) -> list[str]:
    """Return names `benchbench.x.y`, and names imported from them, that do not exist."""
    groups = set(PYPROJECT["project"]["entry-points"])
    names = set(re.findall(r"(?<![\w/.-])benchbench(?:_attacks|_targets)?(?:\.[A-Za-z_]\w*)+", text)) - groups
    for module, imported in re.findall(r"^from (benchbench[\w.]*) import ([\w, ]+)$", text, re.MULTILINE):
        names |= {f"{module}.{name.strip()}" for name in imported.split(",")}
    return sorted(name for name in names if not is_there(name))


@cache
def command_line() -> Any:
    """Made once: it reads the signature of every command."""
    return typer.main.get_command(app)


def parse(words: list[str]) -> None:
    """Let the command line take a command apart, without running it; raises what it would say."""
    command: Any = command_line()
    context, rest = None, words
    while True:
        context = command.make_context("bench", list(rest), parent=context)
        if not hasattr(command, "commands"):
            return
        protected = vars(context).get("_protected_args") or vars(context).get("protected_args") or []
        rest = [*protected, *context.args]
        _, command, rest = command.resolve_command(context, rest)


def unknown_words(text: str) -> list[str]:
    """Return commands between backticks, often without their arguments, whose names or options do not exist."""
    wrong = []
    for quote in INLINE.findall(CODE.sub("", text)):
        if not quote.startswith("bench "):
            continue
        command: Any = command_line()
        words = shlex.split(quote)[1:]
        while words and hasattr(command, "commands") and not words[0].isupper() and not words[0].startswith("-"):
            command = command.commands.get(words.pop(0))
        known = {name for p in getattr(command, "params", ()) for name in (*p.opts, *p.secondary_opts)} | {"--help"}
        if command is None or any(word.startswith("-") and word not in known for word in words):
            wrong.append(quote)
    return wrong


def missing_links(document: Path) -> list[str]:
    """Return relative links that lead nowhere, to a file or to a heading of it."""
    text = CODE.sub("", document.read_text(encoding="utf-8"))
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, heading = link.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.exists() or (heading and heading not in headings(path)):
            wrong.append(link)
    return wrong


def headings(document: Path) -> set[str]:
    """Return the anchors of a Markdown document."""
    lines = re.findall(r"^#+ (.+)$", CODE.sub("", document.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in lines}


@each_document
def test_its_paths_exist(document: Path) -> None:
    assert missing_paths(document.read_text(encoding="utf-8")) == []


@each_document
def test_its_names_exist(document: Path) -> None:
    assert missing_names(document.read_text(encoding="utf-8")) == []


@each_document
def test_its_commands_are_understood(document: Path) -> None:
    for words in commands(document.read_text(encoding="utf-8")):
        try:
            parse(words)
        except Exception as error:  # of click, under whichever name typer has it
            pytest.fail(f"bench {shlex.join(words)}: {getattr(error, 'message', error)}")


@each_document
def test_commands_in_its_sentences_exist(document: Path) -> None:
    assert unknown_words(document.read_text(encoding="utf-8")) == []


@each_document
def test_its_make_targets_exist(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    asked = {
        a
        for part in quoted(document.read_text(encoding="utf-8"))
        for a in re.findall(r"^make ([a-z][\w-]*)", part, re.MULTILINE)
    }
    assert [target for target in sorted(asked) if f"\n{target}:" not in makefile] == []


@each_document
def test_its_links_lead_somewhere(document: Path) -> None:
    assert missing_links(document) == []


def test_a_document_that_is_wrong_is_found_out(tmp_path: Path) -> None:
    text = "`docs/nowhere.md` `benchbench.attack.Attack`\n[a](gone.md) [b](#there) [c](#not-there)\n# There\n"
    (tmp_path / "page.md").write_text(text + "```\nfrom benchbench import Attak, Fit\nbench run --atack x > y\n```\n")
    text = (tmp_path / "page.md").read_text()
    assert missing_paths(text) == ["docs/nowhere.md"]
    assert missing_names(text) == ["benchbench.Attak", "benchbench.attack.Attack"]
    assert missing_links(tmp_path / "page.md") == ["gone.md", "#not-there"]
    assert unknown_words("`bench rum` `bench run --atack` `bench run --attack` `bench table N`") == [
        "bench rum",
        "bench run --atack",
    ]
    (words,) = commands(text)
    assert words == ["run", "--atack", "x"]
    with pytest.raises(Exception, match="--atack"):
        parse(words)


def test_the_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 130
    assert [line for line in lines if len(line) > 100 and not line.startswith("|")] == []


def test_the_list_of_pages_is_whole() -> None:
    listed = set(re.findall(r"\]\((\w[\w-]*\.(?:md|ipynb))\)", (ROOT / "docs/README.md").read_text(encoding="utf-8")))
    pages = {p.name for p in (ROOT / "docs").iterdir() if p.suffix in (".md", ".ipynb")} - {"README.md"}
    assert listed == pages


def drawn(picture: Path) -> set[str]:
    return set(re.findall(r'id="room-(\w+)"', picture.read_text(encoding="utf-8")))


def test_the_picture_has_the_rooms_of_the_import_contract(tmp_path: Path) -> None:
    (layers,) = (c["layers"] for c in PYPROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    rooms = {room.strip() for floor in layers for room in floor.split("|")}
    assert drawn(ROOT / "docs/pictures/house.svg") == rooms, "make docs"
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `benchbench/(\w+)` \|", text, re.MULTILINE)) == rooms, "the table of rooms"


def test_the_picture_is_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("grimp")
    pictures = [tmp_path / name for name in ("one.svg", "other.svg")]
    for picture in pictures:
        subprocess.run([sys.executable, ROOT / "tools/draw_house.py", "--output", picture], check=True)
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    assert drawn(pictures[0]) == drawn(ROOT / "docs/pictures/house.svg")


def test_pictures_are_small() -> None:
    assert [p.name for p in (ROOT / "docs/pictures").iterdir() if p.stat().st_size > 200_000] == []
