"""Every command of README and docs is executed, or is only parsed for a reason that stands here.

`bench run` is executed with --dry-run, which names, plans and says what it would compute, and trains nothing; views are
drawn of the reference results; make says what it would do. The notebook has a test of its own.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from documents import CODE, DOCUMENTS, ROOT, commands

ONLY_PARSED = {
    "bench run .*--data": "it reads photographs of the reader's own; tests/data/test_folder.py runs it on some",
    "bench (data check|anonymize|identify)": "the same",
    "bench run .*--device cuda": "it needs a GPU",
    "bench run .*(box-blur|--targets mine)": "it needs a package installed; tests/test_distribution.py installs one",
    "bench check (attack box-blur|target mine)": "the same",
    "bench run .*--only": "the job is one of the reader's own plan; tests/harness/test_worklist.py does such jobs",
    "bench run .*--executor ray": "it needs a cluster; tests/harness/test_cluster.py starts one",
    "bench run .*niqe": "an extra that need not be here; tests/evaluate/test_niqe.py runs it",
    "bench run .*torchattack:": "an extra that need not be here; tests/attacks/test_torchattack.py runs it",
    "bench verify cama-crafted": "the photographs are made by the line above it; tests/cli/test_crafted.py does both",
    "bench zoo (build|verify)": "hours of training, minutes of judging; tests/harness/test_zoo.py does both, small",
    "bench ablate": "minutes; tests/studies/test_ablation.py runs it, small",
    "bench ceiling": "minutes; tests/studies/test_ceiling.py runs it, small",
    "bench show": "it crafts; tests/studies draw each of these pictures",
}
"""Commands that the command line's own parser takes apart and no more (tests/test_docs.py), by their beginning."""


def reason(words: list[str]) -> str:
    """Return why a command is not executed, or ''."""
    line = "bench " + " ".join(words)
    return next((why for pattern, why in ONLY_PARSED.items() if re.match(pattern, line)), "")


def documented() -> Iterator[tuple[str, list[str]]]:
    """Yield each command once, with the document that has it first."""
    seen = set()
    for document in DOCUMENTS:
        for words in commands(document.read_text(encoding="utf-8")):
            if tuple(words) not in seen:
                seen.add(tuple(words))
                yield document.name, words


EXECUTED = [(name, words) for name, words in documented() if not reason(words)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader has it: results, and the file of docs/add-an-attack.md."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "runs").mkdir()
    (folder / "shared/results").mkdir(parents=True)
    (folder / "runs/virtual").symlink_to(ROOT / "results/virtual")
    (folder / "results").symlink_to(ROOT / "results")
    (folder / "README.md").symlink_to(ROOT / "README.md")
    text = (ROOT / "docs/add-an-attack.md").read_text(encoding="utf-8")
    first = next(block for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    (folder / "my_attack.py").write_text(first, encoding="utf-8")
    return folder


@pytest.fixture
def bench_here(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[[list[str]], tuple[int, str]]:
    from benchbench.cli import main

    monkeypatch.chdir(place)
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "cache"))

    def call(words: list[str]) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out + err

    return call


@pytest.mark.slow
@pytest.mark.parametrize(("document", "words"), EXECUTED, ids=lambda v: v if isinstance(v, str) else shlex.join(v)[:60])
def test_it_runs(
    document: str, words: list[str], place: Path, bench_here: Callable[[list[str]], tuple[int, str]]
) -> None:
    words = [word.removeprefix("/") if word.startswith("/shared") else word for word in words]
    if words[0] == "run" and "--dry-run" not in words:
        words = [*words, "--dry-run"]
    if "--fill" in words:
        words = [*words, "--check"]  # these files are the repository's own
    if "all" in words or words[0] == "report":  # in a process of its own: a test before may have installed a plugin
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment = kept | {"BENCHBENCH_CACHE": str(place / "cache")}
        command = [sys.executable, "-m", "benchbench", *words]
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
        code, said = done.returncode, done.stdout + done.stderr
    else:
        code, said = bench_here(words)
    assert code == 0 and said.strip(), said
    if "--dry-run" in words:
        assert re.search(r"\d+ (cells? )?(to compute|would)|to do|already there|cells", said), said


def test_what_is_only_parsed_is_in_the_documents() -> None:
    lines = ["bench " + " ".join(words) for _, words in documented()]
    assert [pattern for pattern in ONLY_PARSED if not any(re.match(pattern, line) for line in lines)] == []
    assert len(EXECUTED) > len(lines) / 2


def test_make_knows_its_commands() -> None:
    """make -n runs nothing and fails for a target or an argument that is wrong."""
    asked = set()
    for document in DOCUMENTS:
        for block in CODE.findall(document.read_text(encoding="utf-8")):
            asked |= set(re.findall(r"^make ([^#\n]+?)\s*(?:#.*)?$", block, re.MULTILINE))
    assert {"bench", "test"} <= asked
    for line in sorted(asked):
        done = subprocess.run(["make", "-n", *shlex.split(line)], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and done.stdout.strip(), (line, done.stderr)
