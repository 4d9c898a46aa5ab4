"""Every command of README and docs is executed, or is only parsed for a reason that stands here.

`bench run` is executed with --dry-run, which names, plans and says what it would compute, and trains nothing; views are
drawn of the reference results; make says what it would do. The notebook has a test of its own.
"""

from __future__ import annotations

import json
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
    "bench run .*st-lpips": "an extra that need not be here; tests/evaluate/test_st_lpips.py runs it",
    "bench run .*torchattack:": "an extra that need not be here; tests/attacks/test_torchattack.py runs it",
    "bench verify cama-crafted": "the photographs are made by the line above it; tests/cli/test_crafted.py does both",
    "bench zoo (build|verify)": "hours of training, minutes of judging; tests/harness/test_zoo.py does both, small",
    "bench ablate": "minutes; tests/studies/test_ablation.py runs it, small",
    "bench ceiling": "minutes; tests/studies/test_ceiling.py runs it, small",
    "bench (table|results) .*again": "the runs above it made that folder; tests/records/test_packs.py compares two",
    "bench (run|table|curve) .*(twice|authors)": "the reader writes the profile; test_learning.py has one",
    "bench show (?!erasing)": "it crafts; tests/studies draw each of these pictures",
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
    for name in ("README.md", "docs"):
        (folder / name).symlink_to(ROOT / name)
    text = (ROOT / "docs/add-an-attack.md").read_text(encoding="utf-8")
    first = next(block for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    (folder / "my_attack.py").write_text(first, encoding="utf-8")
    return folder


SERVE = """
import contextlib, io, json, sys
from benchbench.cli import main

answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    sys.argv, said, code = ["bench", *json.loads(line)], io.StringIO(), None
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    print(json.dumps([code or 0, said.getvalue()]), file=answers, flush=True)
"""
"""Commands from the input, a line each, are done one after the other: torch and its company are imported once."""


@pytest.fixture(scope="module")
def bench_beside(
    place: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[list[str]], tuple[int, str]]]:
    """The command line in a process that has benchbench and nothing of what other tests installed in this one."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = kept | {"BENCHBENCH_CACHE": str(tmp_path_factory.mktemp("cache"))}
    command = [sys.executable, "-c", SERVE]
    faults = tmp_path_factory.mktemp("said") / "stderr"
    with (
        faults.open("w") as errors,
        subprocess.Popen(
            command, cwd=place, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        assert process.stdin is not None and process.stdout is not None

        def call(words: list[str]) -> tuple[int, str]:
            print(json.dumps(words), file=process.stdin, flush=True)
            answer = process.stdout.readline()
            assert answer, faults.read_text()
            code, said = json.loads(answer)
            return code, said

        yield call
        process.stdin.close()


@pytest.mark.slow
@pytest.mark.parametrize(("document", "words"), EXECUTED, ids=lambda v: v if isinstance(v, str) else shlex.join(v)[:60])
def test_it_runs(document: str, words: list[str], bench_beside: Callable[[list[str]], tuple[int, str]]) -> None:
    words = [word.removeprefix("/") if word.startswith("/shared") else word for word in words]
    if (words[0] == "run" or "--training" in words) and "--dry-run" not in words:
        words = [*words, "--dry-run"]
    if "--fill" in words:
        words = [*words, "--check"]  # these files are the repository's own
    code, said = bench_beside(words)
    assert code == 0 and said.strip(), said
    if "--dry-run" in words:
        assert re.search(r"\d+ (cells? )?(to compute|would)|to do|to be trained|already there|cells", said), said


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
